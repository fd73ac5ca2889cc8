#include "services/processor/session/memory_budget.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "services/processor/session/refusal.h"

namespace msgproc::processor {
namespace {

using Level = MemoryBudget::Level;
using Share = MemoryBudget::Share;

constexpr size_t kBudget = 8 << 20;
constexpr size_t kEighth = kBudget / 8;

// Whatever it is.
void Hold(Share* share, size_t bytes) { share->Set({.results = bytes}); }

TEST(MemoryBudgetTest, RisesAtItsBoundsAndFallsAnEighthBelow) {
  EXPECT_EQ(MemoryBudget::Next(Level::kFree, 7 * kEighth, kBudget),
            Level::kFree);
  EXPECT_EQ(MemoryBudget::Next(Level::kFree, 7 * kEighth + 1, kBudget),
            Level::kHigh);
  EXPECT_EQ(MemoryBudget::Next(Level::kHigh, kBudget, kBudget), Level::kHigh);
  EXPECT_EQ(MemoryBudget::Next(Level::kHigh, kBudget + 1, kBudget),
            Level::kFull);
  EXPECT_EQ(MemoryBudget::Next(Level::kFree, kBudget + 1, kBudget),
            Level::kFull);

  EXPECT_EQ(MemoryBudget::Next(Level::kFull, 7 * kEighth + 1, kBudget),
            Level::kFull);
  EXPECT_EQ(MemoryBudget::Next(Level::kFull, 7 * kEighth, kBudget),
            Level::kHigh);
  EXPECT_EQ(MemoryBudget::Next(Level::kHigh, 6 * kEighth + 1, kBudget),
            Level::kHigh);
  EXPECT_EQ(MemoryBudget::Next(Level::kHigh, 6 * kEighth, kBudget),
            Level::kFree);
  EXPECT_EQ(MemoryBudget::Next(Level::kFull, 6 * kEighth, kBudget),
            Level::kFree);
}

TEST(MemoryBudgetTest, WithoutABudgetNobodyWaits) {
  MemoryBudget none(0);
  Share share(&none, 4096);
  Hold(&share, size_t{1} << 40);
  EXPECT_EQ(none.used(), (size_t{1} << 40) + 4096);
  EXPECT_FALSE(none.Full());
  EXPECT_TRUE(share.MayGrow(true));
  Share nobodys(nullptr, 4096);
  Hold(&nobodys, size_t{1} << 40);
  EXPECT_TRUE(nobodys.MayGrow(true));
}

TEST(MemoryBudgetTest, AnonymousHoldersWaitFirst) {
  MemoryBudget budget(kBudget);
  Share big(&budget, 0);
  Share small(&budget, 0);
  Hold(&big, 7 * kEighth);
  Hold(&small, kEighth / 2);
  ASSERT_EQ(budget.level(), Level::kHigh);
  EXPECT_FALSE(big.MayGrow(true));
  EXPECT_TRUE(big.MayGrow(false));
  EXPECT_TRUE(small.MayGrow(true));

  Hold(&small, kEighth + 1);
  ASSERT_EQ(budget.level(), Level::kFull);
  EXPECT_FALSE(big.MayGrow(false));
  EXPECT_TRUE(small.MayGrow(false));
  EXPECT_TRUE(small.MayGrow(true));
}

TEST(MemoryBudgetTest, TheFloorIsAlwaysOnesOwn) {
  MemoryBudget budget(MemoryBudget::kFloor);
  Share first(&budget, 0);
  Share second(&budget, 0);
  Hold(&first, MemoryBudget::kFloor);
  Hold(&second, MemoryBudget::kFloor);
  ASSERT_TRUE(budget.Full());
  EXPECT_TRUE(first.MayGrow(true));
  Hold(&second, MemoryBudget::kFloor + MemoryBudget::kGrain);
  EXPECT_FALSE(second.MayGrow(false));
}

TEST(MemoryBudgetTest, BeyondItsShareOnesReadsMayFreeAndNotAdd) {
  constexpr size_t kFloor = MemoryBudget::kFloor;
  constexpr size_t kGrain = MemoryBudget::kGrain;
  MemoryBudget budget(kBudget);
  Share other(&budget, 0);
  Hold(&other, 4 * kEighth);
  Share share(&budget, 0);
  Hold(&share, 4 * kEighth);
  EXPECT_TRUE(share.MayRead(false, false, kBudget));

  Hold(&share, 5 * kEighth);
  ASSERT_TRUE(budget.Full());
  EXPECT_FALSE(share.MayRead(false, /*may_free=*/false, 0));
  EXPECT_TRUE(share.MayRead(false, /*may_free=*/true, kFloor));
  EXPECT_FALSE(share.MayRead(false, /*may_free=*/true, kFloor + 1));

  // It grows a little, and no more than that.
  Hold(&share, 5 * kEighth + kFloor);
  EXPECT_TRUE(share.MayRead(false, true, 0));
  Hold(&share, 5 * kEighth + kFloor + kGrain);
  EXPECT_FALSE(share.MayRead(false, true, 0));
  // What it gives back is not its own any more.
  Hold(&share, 5 * kEighth - kGrain);
  EXPECT_TRUE(share.MayRead(false, true, 0));
  Hold(&share, 5 * kEighth + kFloor);
  EXPECT_FALSE(share.MayRead(false, true, 0));

  // Once there is room all begins anew.
  Hold(&other, 0);
  ASSERT_EQ(budget.level(), Level::kFree);
  EXPECT_TRUE(share.MayRead(false, false, kBudget));
  Hold(&other, 5 * kEighth);
  ASSERT_TRUE(budget.Full());
  EXPECT_TRUE(share.MayRead(false, true, 0));
}

TEST(MemoryBudgetTest, ResultsHaveAShareWhileItIsShort) {
  MemoryBudget budget(kBudget);
  Share share(&budget, 0);
  Share other(&budget, 0);
  Hold(&share, kEighth);
  EXPECT_EQ(share.ResultRoom(true), SIZE_MAX);
  Hold(&other, 6 * kEighth + MemoryBudget::kGrain);
  ASSERT_EQ(budget.level(), Level::kHigh);
  EXPECT_EQ(share.ResultRoom(false), SIZE_MAX);
  EXPECT_EQ(share.ResultRoom(true), kBudget / 2);
  Hold(&other, kBudget);
  EXPECT_EQ(share.ResultRoom(false), kBudget / 2);
  Share nobodys(nullptr, 0);
  EXPECT_EQ(nobodys.ResultRoom(true), SIZE_MAX);
  EXPECT_TRUE(nobodys.MayRead(true, false, kBudget));
}

TEST(MemoryBudgetTest, CountsHowOftenItsLevelHasChanged) {
  MemoryBudget budget(kBudget);
  Share share(&budget, 0);
  Hold(&share, kEighth);
  budget.Refresh();
  EXPECT_EQ(budget.changes(), 0U);
  Hold(&share, 2 * kBudget);
  EXPECT_EQ(budget.changes(), 1U);
  // Between two looks at it.
  Hold(&share, 0);
  EXPECT_EQ(budget.changes(), 2U);
}

TEST(MemoryBudgetTest, SmallChangesAreNotTold) {
  MemoryBudget budget(kBudget);
  Share share(&budget, 0);
  Hold(&share, MemoryBudget::kGrain - 1);
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(budget.holders(), 0U);
  Hold(&share, MemoryBudget::kGrain);
  EXPECT_EQ(budget.used(), MemoryBudget::kGrain);
  EXPECT_EQ(budget.holders(), 1U);
  Hold(&share, 1);
  EXPECT_EQ(budget.used(), MemoryBudget::kGrain);
  Hold(&share, 0);
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(budget.holders(), 0U);
}

TEST(MemoryBudgetTest, KnowsWhatIsHeldByKind) {
  constexpr size_t kGrain = MemoryBudget::kGrain;
  MemoryBudget budget(kBudget);
  Share share(&budget, 4096);
  share.Set({.messages = kGrain,
             .batches = 2 * kGrain,
             .results = 3 * kGrain,
             .reading = 4 * kGrain,
             .writing = 5 * kGrain});
  Share other(&budget, 4096);
  other.Set({.messages = 6 * kGrain});
  const auto shown = [&budget] {
    std::map<absl::string_view, size_t> kinds;
    for (const MemoryBudget::Kind& kind : MemoryBudget::kKinds) {
      kinds[kind.name] = budget.held().*kind.bytes;
    }
    return kinds;
  };
  using Kinds = std::map<absl::string_view, size_t>;
  EXPECT_EQ(shown(), (Kinds{{"sessions", 2 * 4096},
                            {"messages", 7 * kGrain},
                            {"batches", 2 * kGrain},
                            {"results", 3 * kGrain},
                            {"reading", 4 * kGrain},
                            {"writing", 5 * kGrain}}));
  EXPECT_EQ(budget.used(), 2 * 4096 + 21 * kGrain);
  EXPECT_EQ(budget.held().sum(), budget.used());
  // From one kind to another, though it is no more than before.
  share.Set({.results = 15 * kGrain});
  EXPECT_EQ(budget.used(), 2 * 4096 + 21 * kGrain);
  EXPECT_EQ(budget.held().batches, 0U);
  share.Set({.messages = kGrain - 1, .results = 15 * kGrain});
  EXPECT_EQ(budget.held().messages, 6 * kGrain);
  share.Set({.results = 16 * kGrain});
  other.Set({.messages = 1});
  EXPECT_EQ(shown(), (Kinds{{"sessions", 2 * 4096},
                            {"messages", 0},
                            {"batches", 0},
                            {"results", 16 * kGrain},
                            {"reading", 0},
                            {"writing", 0}}));
  EXPECT_EQ(budget.held().sum(), budget.used());
  // What is too little to be told by itself is told with the rest.
  share.Set({.messages = 1, .results = 14 * kGrain});
  EXPECT_EQ(budget.held().messages, 1U);
  EXPECT_EQ(budget.held().sum(), budget.used());
}

TEST(MemoryBudgetTest, ItsBaseIsNoneOfWhatAHolderIsMeasuredBy) {
  constexpr size_t kBase = MemoryBudget::kGrain;
  MemoryBudget budget(kBudget);
  Share share(&budget, kBase);
  {
    // One that has told nothing is no holder, nor when it goes.
    const Share idle(&budget, kBase);
    EXPECT_EQ(budget.holders(), 0U);
  }
  EXPECT_EQ(budget.holders(), 0U);
  Hold(&share, kBudget);
  ASSERT_TRUE(budget.Full());
  // All of the budget is its share, and it has that.
  EXPECT_EQ(share.ResultRoom(false), kBudget);
  EXPECT_TRUE(share.MayGrow(false));
  Hold(&share, 1);
  EXPECT_EQ(budget.used(), kBase);
  EXPECT_EQ(budget.holders(), 0U);
}

TEST(MemoryBudgetTest, WhoGoesGivesEverythingBack) {
  MemoryBudget budget(kBudget);
  {
    Share share(&budget, 4096);
    EXPECT_EQ(budget.used(), 4096U);
    Hold(&share, 2 * kBudget);
    EXPECT_TRUE(budget.Full());
  }
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(budget.held().sum(), 0U);
  EXPECT_EQ(budget.holders(), 0U);
  EXPECT_EQ(budget.level(), Level::kFree);
}

// Whatever happens: the sum is right, beyond the budget the biggest waits, and
// whoever has no more than the floor does not.
TEST(MemoryBudgetTest, ModelOfManyHolders) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    MemoryBudget budget(kBudget);
    std::vector<std::unique_ptr<Share>> shares;
    std::vector<size_t> told;
    Level level = Level::kFree;
    for (int step = 0; step < 1000; ++step) {
      const size_t who = random() % (shares.size() + 1);
      if (who == shares.size()) {
        shares.push_back(std::make_unique<Share>(&budget, 0));
        told.push_back(0);
      } else if (random() % 8 == 0) {
        shares.erase(shares.begin() + static_cast<ptrdiff_t>(who));
        told.erase(told.begin() + static_cast<ptrdiff_t>(who));
      } else {
        // Not fewer than a grain, and each time another number.
        told[who] =
            (random() % 64 + 1) * 2 * MemoryBudget::kGrain +
            (told[who] / MemoryBudget::kGrain % 2 == 0 ? MemoryBudget::kGrain
                                                       : 0);
        Hold(shares[who].get(), told[who]);
      }
      size_t sum = 0;
      size_t biggest = 0;
      for (size_t i = 0; i < told.size(); ++i) {
        sum += told[i];
        if (told[i] > told[biggest]) biggest = i;
        if (told[i] <= MemoryBudget::kFloor) {
          ASSERT_TRUE(shares[i]->MayGrow(true));
        }
      }
      ASSERT_EQ(budget.used(), sum);
      level = MemoryBudget::Next(level, sum, kBudget);
      ASSERT_EQ(budget.level(), level);
      if (sum > kBudget) {
        ASSERT_FALSE(shares[biggest]->MayGrow(false));
        ASSERT_FALSE(shares[biggest]->MayGrow(true));
      }
      if (level == Level::kFree) {
        ASSERT_TRUE(told.empty() || shares[biggest]->MayGrow(true));
      }
    }
  }
}

TEST(MemoryBudgetTest, ThreadsLeaveNothingBehind) {
  MemoryBudget budget(kBudget);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget] {
      for (int i = 0; i < 2000; ++i) {
        Share share(&budget, 4096);
        Hold(&share, kBudget / 2);
        Hold(&share, 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  budget.Refresh();
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(budget.holders(), 0U);
  EXPECT_EQ(budget.level(), Level::kFree);
}

TEST(MemoryBudgetTest, WhoMayNotComeIsToldHowMuchIsInUse) {
  MemoryBudget budget(kBudget);
  Share share(&budget, kBudget + 1);
  const absl::Status refused = budget.Refused();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_EQ(RefusalOf(refused, true), Refusal::kMemory);
  EXPECT_EQ(refused.message(),
            absl::StrCat("No memory for a new session: sessions hold ",
                         kBudget + 1, " bytes of a budget of ", kBudget, "."));
}

TEST(MemoryBudgetTest, ItsDumpSaysWhoIsGivenNoMoreAndWhatIsHeld) {
  MemoryBudget budget(1 << 20);
  EXPECT_EQ(budget.Dump().machine(), "processor::MemoryBudget");
  EXPECT_EQ(budget.Dump()["level"], "free");
  EXPECT_EQ(budget.Dump()["bytes"], "1048576");
  MemoryBudget::Share share(&budget, 100);
  share.Set({.messages = 1'000'000});
  EXPECT_EQ(budget.Dump()["level"], "high");
  EXPECT_EQ(budget.Dump()["used"], "1000100");
  EXPECT_EQ(budget.Dump()["used_by_sessions"], "100");
  EXPECT_EQ(budget.Dump()["used_by_messages"], "1000000");
  EXPECT_EQ(budget.Dump()["holders"], "1");
  EXPECT_EQ(budget.Dump()["changes"], "1");
  share.Set({.results = 2'000'000});
  EXPECT_EQ(budget.Dump()["level"], "full");
  EXPECT_EQ(budget.Dump()["used_by_results"], "2000000");
}

}  // namespace
}  // namespace msgproc::processor
