#include "services/processor/session/memory_budget.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using Level = MemoryBudget::Level;
using Share = MemoryBudget::Share;

constexpr size_t kBudget = 8 << 20;
constexpr size_t kEighth = kBudget / 8;

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
  share.Set(size_t{1} << 40);
  EXPECT_EQ(none.used(), (size_t{1} << 40) + 4096);
  EXPECT_FALSE(none.Full());
  EXPECT_TRUE(share.MayGrow(true));
  Share nobodys(nullptr, 4096);
  nobodys.Set(size_t{1} << 40);
  EXPECT_TRUE(nobodys.MayGrow(true));
}

TEST(MemoryBudgetTest, AnonymousHoldersWaitFirst) {
  MemoryBudget budget(kBudget);
  Share big(&budget, 0);
  Share small(&budget, 0);
  big.Set(7 * kEighth);
  small.Set(kEighth / 2);
  ASSERT_EQ(budget.level(), Level::kHigh);
  EXPECT_FALSE(big.MayGrow(true));
  EXPECT_TRUE(big.MayGrow(false));
  EXPECT_TRUE(small.MayGrow(true));

  small.Set(kEighth + 1);
  ASSERT_EQ(budget.level(), Level::kFull);
  EXPECT_FALSE(big.MayGrow(false));
  EXPECT_TRUE(small.MayGrow(false));
  EXPECT_TRUE(small.MayGrow(true));
}

TEST(MemoryBudgetTest, TheFloorIsAlwaysOnesOwn) {
  MemoryBudget budget(MemoryBudget::kFloor);
  Share first(&budget, 0);
  Share second(&budget, 0);
  first.Set(MemoryBudget::kFloor);
  second.Set(MemoryBudget::kFloor);
  ASSERT_TRUE(budget.Full());
  EXPECT_TRUE(first.MayGrow(true));
  second.Set(MemoryBudget::kFloor + MemoryBudget::kGrain);
  EXPECT_FALSE(second.MayGrow(false));
}

TEST(MemoryBudgetTest, BeyondItsShareOnesReadsMayFreeAndNotAdd) {
  constexpr size_t kFloor = MemoryBudget::kFloor;
  constexpr size_t kGrain = MemoryBudget::kGrain;
  MemoryBudget budget(kBudget);
  Share other(&budget, 0);
  other.Set(4 * kEighth);
  Share share(&budget, 0);
  share.Set(4 * kEighth);
  EXPECT_TRUE(share.MayRead(false, false, kBudget));

  share.Set(5 * kEighth);
  ASSERT_TRUE(budget.Full());
  EXPECT_FALSE(share.MayRead(false, /*may_free=*/false, 0));
  EXPECT_TRUE(share.MayRead(false, /*may_free=*/true, kFloor));
  EXPECT_FALSE(share.MayRead(false, /*may_free=*/true, kFloor + 1));

  // It grows a little, and no more than that.
  share.Set(5 * kEighth + kFloor);
  EXPECT_TRUE(share.MayRead(false, true, 0));
  share.Set(5 * kEighth + kFloor + kGrain);
  EXPECT_FALSE(share.MayRead(false, true, 0));
  // What it gives back is not its own any more.
  share.Set(5 * kEighth - kGrain);
  EXPECT_TRUE(share.MayRead(false, true, 0));
  share.Set(5 * kEighth + kFloor);
  EXPECT_FALSE(share.MayRead(false, true, 0));

  // Once there is room all begins anew.
  other.Set(0);
  ASSERT_EQ(budget.level(), Level::kFree);
  EXPECT_TRUE(share.MayRead(false, false, kBudget));
  other.Set(5 * kEighth);
  ASSERT_TRUE(budget.Full());
  EXPECT_TRUE(share.MayRead(false, true, 0));
}

TEST(MemoryBudgetTest, ResultsHaveAShareWhileItIsShort) {
  MemoryBudget budget(kBudget);
  Share share(&budget, 0);
  Share other(&budget, 0);
  share.Set(kEighth);
  EXPECT_EQ(share.ResultRoom(true), SIZE_MAX);
  other.Set(6 * kEighth + MemoryBudget::kGrain);
  ASSERT_EQ(budget.level(), Level::kHigh);
  EXPECT_EQ(share.ResultRoom(false), SIZE_MAX);
  EXPECT_EQ(share.ResultRoom(true), kBudget / 2);
  other.Set(kBudget);
  EXPECT_EQ(share.ResultRoom(false), kBudget / 2);
  Share nobodys(nullptr, 0);
  EXPECT_EQ(nobodys.ResultRoom(true), SIZE_MAX);
  EXPECT_TRUE(nobodys.MayRead(true, false, kBudget));
}

TEST(MemoryBudgetTest, CountsHowOftenItsLevelHasChanged) {
  MemoryBudget budget(kBudget);
  Share share(&budget, 0);
  share.Set(kEighth);
  budget.Refresh();
  EXPECT_EQ(budget.changes(), 0U);
  share.Set(2 * kBudget);
  EXPECT_EQ(budget.changes(), 1U);
  // Between two looks at it.
  share.Set(0);
  EXPECT_EQ(budget.changes(), 2U);
}

TEST(MemoryBudgetTest, SmallChangesAreNotTold) {
  MemoryBudget budget(kBudget);
  Share share(&budget, 0);
  share.Set(MemoryBudget::kGrain - 1);
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(budget.holders(), 0U);
  share.Set(MemoryBudget::kGrain);
  EXPECT_EQ(budget.used(), MemoryBudget::kGrain);
  EXPECT_EQ(budget.holders(), 1U);
  share.Set(1);
  EXPECT_EQ(budget.used(), MemoryBudget::kGrain);
  share.Set(0);
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(budget.holders(), 0U);
}

TEST(MemoryBudgetTest, WhoGoesGivesEverythingBack) {
  MemoryBudget budget(kBudget);
  {
    Share share(&budget, 4096);
    EXPECT_EQ(budget.used(), 4096U);
    share.Set(2 * kBudget);
    EXPECT_TRUE(budget.Full());
  }
  EXPECT_EQ(budget.used(), 0U);
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
        shares[who]->Set(told[who]);
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
        share.Set(kBudget / 2);
        share.Set(0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  budget.Refresh();
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(budget.holders(), 0U);
  EXPECT_EQ(budget.level(), Level::kFree);
}

}  // namespace
}  // namespace msgproc::processor
