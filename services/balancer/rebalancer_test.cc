#include "services/balancer/rebalancer.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/fake_clock.h"
#include "common/state_dump.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

// Servers that report every two seconds and do what they are told with a delay.
class RebalancerTest : public testing::Test {
 protected:
  struct FakeServer {
    double weight = 1;
    int sessions = 0;
    int given = 0;
    int taken = 0;
    bool obeys = true;
    int orders = 0;
  };
  struct Pending {
    absl::Time due;
    std::string from;
    MoveOrder order;
  };

  void Add(const std::string& id, int sessions, double weight = 1) {
    fleet_[id] = {.weight = weight, .sessions = sessions};
  }

  void Report(const std::string& id) {
    FakeServer& server = fleet_[id];
    rebalancer_->Update(id, id + ":1", server.weight, server.sessions);
    const auto order = rebalancer_->NextMove(id);
    if (!order.has_value()) return;
    EXPECT_GT(order->sessions, 0U);
    EXPECT_NE(order->to_server_id, id);
    ++server.orders;
    if (server.obeys) pending_.push_back({clock_.Now() + delay_, id, *order});
  }

  // Every server reports once a round, at its own moment.
  void RunFor(absl::Duration duration) {
    const absl::Duration step =
        absl::Seconds(2) / static_cast<double>(fleet_.size());
    const absl::Time end = clock_.Now() + duration;
    while (clock_.Now() < end) {
      for (const auto& [id, server] : fleet_) {
        Report(id);
        clock_.Advance(step);
        Deliver();
      }
    }
  }

  void Deliver() {
    while (!pending_.empty() && pending_.front().due <= clock_.Now()) {
      const Pending move = pending_.front();
      pending_.pop_front();
      const int count =
          std::min<int>(move.order.sessions, fleet_[move.from].sessions);
      fleet_[move.from].sessions -= count;
      fleet_[move.from].given += count;
      fleet_[move.order.to_server_id].sessions += count;
      fleet_[move.order.to_server_id].taken += count;
    }
  }

  int Moves() const {
    int moves = 0;
    for (const auto& [id, server] : fleet_) moves += server.given;
    return moves;
  }

  FakeClock clock_;
  std::optional<Rebalancer> rebalancer_{std::in_place, Rebalancer::Options(),
                                        &clock_};
  std::map<std::string, FakeServer> fleet_;
  std::deque<Pending> pending_;
  absl::Duration delay_ = absl::Milliseconds(300);
};

TEST_F(RebalancerTest, FillsAThirdServerWithinTenSeconds) {
  Add("a", 32);
  Add("b", 32);
  Add("c", 0);
  RunFor(absl::Seconds(9));
  for (const auto& [id, server] : fleet_) {
    EXPECT_NEAR(server.sessions, 64 / 3.0, 64 / 3.0 * 0.1) << id;
  }
  EXPECT_LE(Moves(), 22);
}

TEST_F(RebalancerTest, LeavesAnEvenFleetAlone) {
  Add("a", 100);
  Add("b", 106);
  Add("c", 95);
  RunFor(absl::Minutes(1));
  EXPECT_EQ(Moves(), 0);
}

TEST_F(RebalancerTest, LeavesALonelyServerAlone) {
  Add("a", 100);
  RunFor(absl::Minutes(1));
  EXPECT_EQ(Moves(), 0);
}

TEST_F(RebalancerTest, LeavesAHandfulOfSocketsAlone) {
  Add("a", 1);
  Add("b", 2);
  Add("c", 0);
  RunFor(absl::Minutes(1));
  EXPECT_EQ(Moves(), 0);
}

TEST_F(RebalancerTest, SharesByWeight) {
  Add("light", 300, 1);
  Add("heavy", 300, 3);
  Add("middle", 300, 2);
  RunFor(absl::Minutes(2));
  EXPECT_NEAR(fleet_["light"].sessions, 150, 12);
  EXPECT_NEAR(fleet_["middle"].sessions, 300, 24);
  EXPECT_NEAR(fleet_["heavy"].sessions, 450, 36);
}

TEST_F(RebalancerTest, NeverExceedsItsRates) {
  for (int i = 0; i < 40; ++i) Add(absl::StrCat("full", i), 1000);
  Add("empty", 0);
  RunFor(absl::Seconds(10));
  for (const auto& [id, server] : fleet_) {
    EXPECT_LE(server.given, 5 * 14) << id;
  }
  EXPECT_LE(fleet_["empty"].taken, 50 * 14);
  EXPECT_GT(fleet_["empty"].taken, 50 * 6);
}

TEST_F(RebalancerTest, AsksAServerThatMovesNothingEverLessOften) {
  Add("stubborn", 1000);
  Add("b", 0);
  fleet_["stubborn"].obeys = false;
  RunFor(absl::Minutes(10));
  const int orders = fleet_["stubborn"].orders;
  RunFor(absl::Minutes(10));
  EXPECT_LT(fleet_["stubborn"].orders - orders, 50);
  EXPECT_GT(fleet_["stubborn"].orders - orders, 2);
  // Once it moves, it is as if nothing had been.
  fleet_["stubborn"].obeys = true;
  RunFor(absl::Minutes(5));
  EXPECT_NEAR(fleet_["b"].sessions, 500, 40);
}

TEST_F(RebalancerTest, ARemovedServerNeitherGivesNorTakes) {
  Add("a", 100);
  Add("b", 0);
  Add("c", 0);
  RunFor(absl::Seconds(2));
  rebalancer_->Remove("b");
  fleet_.erase("b");
  pending_.clear();
  const int before = fleet_["c"].taken;
  RunFor(absl::Seconds(20));
  EXPECT_EQ(fleet_.count("b"), 0U);
  EXPECT_GT(fleet_["c"].taken, before);
  EXPECT_FALSE(rebalancer_->NextMove("b").has_value());
}

TEST_F(RebalancerTest, NeverMovesBackAndForth) {
  // Delays from none to as long as an order may take to show.
  for (const int delay_ms : {0, 100, 500, 1000, 1900}) {
    for (int seed = 1; seed <= 20; ++seed) {
      std::mt19937 random(seed);
      rebalancer_.emplace(Rebalancer::Options(), &clock_);
      fleet_.clear();
      pending_.clear();
      delay_ = absl::Milliseconds(delay_ms);
      const int size = 2 + static_cast<int>(random() % 20);
      for (int i = 0; i < size; ++i) {
        Add(absl::StrCat("s", i), static_cast<int>(random() % 200),
            1 + random() % 3);
      }
      // Half a fleet has other shares than the whole: it moves otherwise.
      for (const auto& [id, server] : fleet_) {
        rebalancer_->Update(id, id + ":1", server.weight, server.sessions);
      }
      RunFor(absl::Minutes(3));
      const int moves = Moves();
      for (const auto& [id, server] : fleet_) {
        // A fair share is seldom a whole number: one session may come or go
        // for the remainder.
        EXPECT_LE(std::min(server.given, server.taken), 1)
            << id << " gave " << server.given << " and took " << server.taken
            << ", seed " << seed << ", delay " << delay_ms;
      }
      RunFor(absl::Minutes(1));
      EXPECT_EQ(Moves(), moves) << "still at it, seed " << seed;
    }
  }
}

// Its decisions one by one.
class MoveTest : public testing::Test {
 protected:
  void Use(const Rebalancer::Options& options) {
    rebalancer_.emplace(options, &clock_);
  }
  void Update(const std::string& id, uint64_t sessions, double weight = 1) {
    rebalancer_->Update(id, id + ":1", weight, sessions);
  }
  void UpdateAt(const std::string& zone, const std::string& id,
                uint64_t sessions) {
    rebalancer_->Update(id, id + ":1", 1, sessions, {"eu", zone, ""});
  }
  // How many sessions this server is to send to whom: "10 to b"; or nothing.
  std::string Next(const std::string& id) {
    const auto order = rebalancer_->NextMove(id);
    if (!order.has_value()) return "";
    EXPECT_EQ(order->to_address, order->to_server_id + ":1");
    return absl::StrCat(order->sessions, " to ", order->to_server_id);
  }
  // The fleet's sessions have been what they are for long enough.
  void BecomeSteady(const std::string& anyone) {
    EXPECT_EQ(Next(anyone), "");
    clock_.Advance(kReports);
  }

  static constexpr absl::Duration kReports = absl::Seconds(2);
  // Of which every session counts, and nobody is slow.
  static constexpr Rebalancer::Options kExact = {.moves_per_second = 100,
                                                 .arrivals_per_second = 100,
                                                 .tolerance = 0,
                                                 .tolerated_sessions = 0};

  FakeClock clock_;
  std::optional<Rebalancer> rebalancer_{std::in_place, Rebalancer::Options(),
                                        &clock_};
};

TEST_F(MoveTest, AServerGivesTwoSecondsWorthAtOnceAndThenItsRate) {
  Update("a", 100);
  Update("b", 0);
  EXPECT_EQ(Next("a"), "");
  clock_.Advance(kReports - absl::Nanoseconds(1));
  EXPECT_EQ(Next("a"), "") << "it is not steady yet";
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Next("a"), "10 to b");
  EXPECT_EQ(Next("a"), "");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Next("a"), "5 to b");
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Next("a"), "10 to b") << "it has not saved up more";
}

TEST_F(MoveTest, AServerIsSentTwoSecondsWorthByAllTogether) {
  for (int i = 0; i < 11; ++i) Update(absl::StrCat("full", i), 1000);
  Update("z", 0);
  BecomeSteady("full0");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Next(absl::StrCat("full", i)), "10 to z");
  }
  EXPECT_EQ(Next("full10"), "");
  clock_.Advance(absl::Milliseconds(125));
  EXPECT_EQ(Next("full10"), "6 to z");
}

TEST_F(MoveTest, ARateBelowOneInTwoSecondsStillMovesOne) {
  Use({.moves_per_second = 0.25, .arrivals_per_second = 0.25});
  Update("a", 100);
  Update("b", 0);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "1 to b");
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(Next("a"), "");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Next("a"), "1 to b");
}

TEST_F(MoveTest, ARateOfZeroTurnsItOff) {
  Use({.moves_per_second = 0});
  Update("a", 1000);
  Update("b", 0);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "");
}

TEST_F(MoveTest, SessionsStayInTheirZone) {
  Use(kExact);
  UpdateAt("a", "a1", 120);
  UpdateAt("a", "a2", 99);
  UpdateAt("b", "b1", 81);
  BecomeSteady("a1");
  EXPECT_EQ(Next("a1"), "1 to a2") << "and not where there are fewest";
}

TEST_F(MoveTest, SessionsLeaveAZoneThatHasMoreThanFiveQuartersOfItsShare) {
  Use(kExact);
  UpdateAt("a", "a1", 125);
  UpdateAt("b", "b1", 75);
  BecomeSteady("a1");
  EXPECT_EQ(Next("a1"), "");
  UpdateAt("a", "a1", 126);
  UpdateAt("b", "b1", 74);
  EXPECT_EQ(Next("a1"), "1 to b1");
}

TEST_F(MoveTest, AFewSessionsStayInTheirZone) {
  Use(kExact);
  UpdateAt("a", "a1", 16);
  UpdateAt("b", "b1", 0);
  BecomeSteady("a1");
  EXPECT_EQ(Next("a1"), "");
  UpdateAt("a", "a1", 17);
  EXPECT_EQ(Next("a1"), "1 to b1");
}

TEST_F(MoveTest, AServerThatDoesNotSayWhereItIsIsNotElsewhere) {
  Use(kExact);
  UpdateAt("a", "a1", 110);
  Update("somewhere", 90);
  BecomeSteady("a1");
  EXPECT_EQ(Next("a1"), "10 to somewhere");
  Use(kExact);
  Update("somewhere", 110);
  UpdateAt("a", "a1", 90);
  BecomeSteady("somewhere");
  EXPECT_EQ(Next("somewhere"), "10 to a1");
}

TEST_F(MoveTest, SharesFollowTheWeights) {
  Use(kExact);
  Update("a", 30, 1);
  Update("b", 0, 2);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "20 to b");
}

TEST_F(MoveTest, AWeightMayChange) {
  Use(kExact);
  Update("a", 30, 1);
  Update("b", 0, 7);
  Update("b", 0, 2);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "20 to b");
}

TEST_F(MoveTest, AnAddressMayChange) {
  Use(kExact);
  rebalancer_->Update("a", "a:1", 1, 10);
  rebalancer_->Update("b", "elsewhere:1", 1, 0);
  rebalancer_->Update("b", "b:1", 1, 0);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "5 to b");
}

TEST_F(MoveTest, NobodyBothersAboutAFewPercent) {
  Update("a", 108);
  Update("b", 92);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "");
  Update("a", 109);
  Update("b", 91);
  EXPECT_EQ(Next("a"), "9 to b");
}

TEST_F(MoveTest, NobodyBothersAboutASession) {
  Update("a", 11);
  Update("b", 9);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "");
  Update("a", 12);
  Update("b", 8);
  EXPECT_EQ(Next("a"), "2 to b");
}

TEST_F(MoveTest, OnceItHasBegunItGoesOnUntilHalfOfWhatIsTolerated) {
  Use({.moves_per_second = 1});
  uint64_t full = 112;
  Update("a", full);
  Update("b", 200 - full);
  BecomeSteady("a");
  for (; full > 104; full -= 2) {
    EXPECT_EQ(Next("a"), "2 to b") << full;
    clock_.Advance(kReports);
    Update("a", full - 2);
    Update("b", 200 - full + 2);
  }
  EXPECT_EQ(Next("a"), "");
  // And begins anew only beyond what is tolerated.
  Update("a", 107);
  Update("b", 93);
  EXPECT_EQ(Next("a"), "");
}

TEST_F(MoveTest, AnEmptyServerIsFilledByThoseThatHaveHardlyTooMuch) {
  for (int i = 0; i < 20; ++i) Update(absl::StrCat("full", i), 100);
  Update("z", 0);
  BecomeSteady("full0");
  // The share is 95.2.
  EXPECT_EQ(Next("full0"), "4 to z");
}

TEST_F(MoveTest, AFullServerGivesToThoseThatHaveHardlyTooLittle) {
  Update("a", 200);
  for (int i = 0; i < 20; ++i) Update(absl::StrCat("less", i), 95);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "5 to less0");
}

TEST_F(MoveTest, WhoHasItsShareGivesNothing) {
  Update("a", 100);
  Update("b", 180);
  Update("c", 20);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "");
  EXPECT_EQ(Next("c"), "");
  EXPECT_EQ(Next("b"), "10 to c");
}

TEST_F(MoveTest, WhoHasItsShareIsSentNothingThoughTheOthersMayTakeNoMore) {
  Use({.moves_per_second = 100, .arrivals_per_second = 0.25});
  Update("a", 100);
  Update("b", 0);
  Update("c", 60);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "1 to b");
  EXPECT_EQ(Next("a"), "");
}

TEST_F(MoveTest, TheLeastLoadedForItsWeightIsSentMost) {
  for (const bool heavy_first : {true, false}) {
    Use(kExact);
    Update("a", 100);
    if (heavy_first) Update("heavy", 12, 4);
    Update("light", 10);
    if (!heavy_first) Update("heavy", 12, 4);
    BecomeSteady("a");
    EXPECT_EQ(Next("a").substr(3), "to heavy") << heavy_first;
  }
  Use(kExact);
  Update("a", 100);
  Update("b", 10);
  Update("c", 10);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "30 to b");
}

TEST_F(MoveTest, AMoveNeverLeavesTheGiverWithLessThanTheTaker) {
  struct Case {
    double giver_weight;
    uint64_t giver;
    double taker_weight;
    uint64_t taker;
    std::string order;
  };
  for (const Case& one : {Case{1, 2, 1, 1, ""}, Case{1, 3, 1, 1, "1 to b"},
                          Case{2, 4, 1, 1, ""}, Case{1, 3, 2, 2, "1 to b"}}) {
    Use(kExact);
    Update("a", one.giver, one.giver_weight);
    Update("b", one.taker, one.taker_weight);
    Next("a");
    clock_.Advance(kReports);
    EXPECT_EQ(Next("a"), one.order) << one.giver << " and " << one.taker;
  }
}

TEST_F(MoveTest, WhatWasOrderedCountsAsDoneUntilReportsMustShowIt) {
  Update("a", 70);
  Update("b", 50);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "10 to b");
  clock_.Advance(absl::Seconds(1));
  Update("a", 70);
  Update("b", 50);
  EXPECT_EQ(Next("a"), "");
}

TEST_F(MoveTest, WhatIsOnItsWayToAServerIsPartOfTheFleet) {
  Use(kExact);
  Update("a", 100);
  Update("b", 40);
  Update("c", 70);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "30 to b");
  EXPECT_EQ(Next("c"), "") << "it has its share still";
  Update("b", 40);
  EXPECT_EQ(Next("c"), "");
}

TEST_F(MoveTest, AGiverDoesNotTakeBeforeItsOrderMustBeDone) {
  Rebalancer::Options options = kExact;
  options.settle = absl::Seconds(10);
  Use(options);
  Update("a", 100);
  Update("b", 0);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "50 to b");
  rebalancer_->Remove("b");
  EXPECT_FALSE(rebalancer_->Contains("b"));
  Update("c", 500);
  BecomeSteady("c");
  EXPECT_EQ(Next("c"), "");
  clock_.Advance(absl::Seconds(8));
  Update("a", 50);
  EXPECT_EQ(Next("c"), "200 to a");
}

TEST_F(MoveTest, ATakerDoesNotGiveBeforeItsSessionsMustBeThere) {
  Rebalancer::Options options = kExact;
  options.settle = absl::Seconds(10);
  Use(options);
  Update("a", 100);
  Update("b", 0);
  Update("c", 50);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "50 to b");
  Update("b", 350);
  BecomeSteady("b");
  EXPECT_EQ(Next("b"), "");
  clock_.Advance(absl::Seconds(8));
  Update("b", 350);
  EXPECT_EQ(Next("b"), "100 to c");
}

TEST_F(MoveTest, WhoMovesNothingIsLeftAloneTwiceAsLongEachTime) {
  Update("a", 100);
  Update("b", 0);
  BecomeSteady("a");
  for (const int pause : {4, 8, 16, 32, 64, 120, 120}) {
    EXPECT_EQ(Next("a"), "10 to b") << pause;
    clock_.Advance(absl::Seconds(2));
    Update("a", 100);
    Update("b", 0);
    clock_.Advance(absl::Seconds(pause) - absl::Nanoseconds(1));
    EXPECT_EQ(Next("a"), "") << pause;
    clock_.Advance(absl::Nanoseconds(1));
  }
}

TEST_F(MoveTest, WhoMovesHalfIsNotLeftAlone) {
  Update("a", 100);
  Update("b", 0);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "10 to b");
  clock_.Advance(absl::Seconds(2));
  Update("a", 95);
  Update("b", 5);
  EXPECT_EQ(Next("a"), "10 to b");
  clock_.Advance(absl::Seconds(2));
  Update("a", 91);
  Update("b", 9);
  EXPECT_EQ(Next("a"), "") << "four of ten are too few";
  clock_.Advance(absl::Seconds(4));
  EXPECT_EQ(Next("a"), "10 to b");
  clock_.Advance(absl::Seconds(2));
  Update("a", 81);
  Update("b", 19);
  EXPECT_EQ(Next("a"), "10 to b");
  clock_.Advance(absl::Seconds(2));
  Update("a", 81);
  Update("b", 19);
  clock_.Advance(absl::Seconds(4));
  EXPECT_EQ(Next("a"), "10 to b") << "the pauses began anew";
}

TEST_F(MoveTest, HalfOfAnOddNumberIsNotLessThanHalf) {
  Update("a", 109);
  Update("b", 91);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "9 to b");
  clock_.Advance(absl::Seconds(2));
  Update("a", 105);
  Update("b", 95);
  Update("c", 0);
  BecomeSteady("a");
  EXPECT_EQ(Next("a"), "") << "four of nine are too few";
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Next("a"), "10 to c");
}

TEST_F(MoveTest, ItWaitsWhileTheFleetsSessionsComeOrGo) {
  Update("a", 60);
  Update("b", 0);
  BecomeSteady("a");
  Update("b", 3);
  EXPECT_EQ(Next("a"), "10 to b") << "three more are steady";
  Update("c", 0);
  clock_.Advance(kReports);
  Update("b", 14);
  EXPECT_EQ(Next("a"), "") << "four more are not";
}

TEST_F(MoveTest, InALargeFleetAFewPercentAreSteady) {
  Update("a", 500);
  Update("b", 500);
  Update("c", 0);
  BecomeSteady("a");
  Update("b", 541);
  EXPECT_EQ(Next("a"), "10 to c") << "41 of 1,041";
  clock_.Advance(kReports);
  Update("b", 584);
  EXPECT_EQ(Next("b"), "") << "84 of 1,084";
}

TEST_F(MoveTest, AFewSessionsThatJustCameAreNotSteady) {
  Use(kExact);
  Update("a", 4);
  Update("b", 0);
  EXPECT_EQ(Next("a"), "");
}

TEST_F(MoveTest, ARemovedServersSessionsAndWeightAreNobodys) {
  Use(kExact);
  Update("gone", 500, 3);
  Update("a", 100);
  Update("b", 0);
  rebalancer_->Remove("gone");
  rebalancer_->Remove("never there");
  BecomeSteady("a");
  EXPECT_EQ(Next("gone"), "");
  EXPECT_EQ(Next("a"), "50 to b");
  // The last of the list took the place of the first, and reports still.
  Update("b", 50);
  rebalancer_->Remove("b");
  EXPECT_FALSE(rebalancer_->Contains("b"));
  EXPECT_TRUE(rebalancer_->Contains("a"));
  Update("a", 100);
  rebalancer_->Remove("a");
  EXPECT_FALSE(rebalancer_->Contains("a"));
}

TEST(RebalancerDumpTest, SaysWhoIsToldWhat) {
  FakeClock clock;
  Rebalancer rebalancer({.report_interval = absl::Seconds(2)}, &clock);
  for (const auto& [id, sessions] :
       {std::pair("calm", 30), std::pair("empty", 0), std::pair("full", 60)}) {
    rebalancer.Update(id, absl::StrCat(id, ":1"), 1,
                      static_cast<uint64_t>(sessions));
  }
  StateDump dump = rebalancer.Dump(clock.Now());
  EXPECT_EQ(dump.machine(), "balancer::Rebalancer");
  EXPECT_EQ(dump["servers"], "3");
  EXPECT_EQ(dump["total_sessions"], "90");
  EXPECT_EQ(dump["total_weight"], "3");
  EXPECT_EQ(dump["'calm'"], "30 sessions, fair share 30");
  // It is steady from here on.
  rebalancer.NextMove("full");
  clock.Advance(absl::Seconds(2));
  const auto move = rebalancer.NextMove("full");
  ASSERT_TRUE(move.has_value());
  dump = rebalancer.Dump(clock.Now());
  EXPECT_EQ(dump["changed_at"], "2s ago");
  EXPECT_EQ(dump["'full'"],
            absl::StrCat("60 sessions, fair share 30, uneven, giving ",
                         move->sessions, " until ", 60 - move->sessions,
                         ", settled in 2s"));
  EXPECT_EQ(dump["'empty'"].substr(0, 40),
            "0 sessions, fair share 30, uneven, takin");
  // Those that are told something come first.
  EXPECT_EQ(dump.fields().back().name, "'calm'");
}

TEST(RebalancerDumpTest, SaysWhoDidNotDoWhatItWasTold) {
  FakeClock clock;
  Rebalancer rebalancer(
      {.report_interval = absl::Seconds(2), .settle = absl::Seconds(2)},
      &clock);
  rebalancer.Update("empty", "empty:1", 1, 0);
  rebalancer.Update("full", "full:1", 1, 60);
  // It is steady from here on.
  rebalancer.NextMove("full");
  clock.Advance(absl::Seconds(2));
  ASSERT_TRUE(rebalancer.NextMove("full").has_value());
  clock.Advance(absl::Seconds(2));
  rebalancer.Update("empty", "empty:1", 1, 0);
  rebalancer.Update("full", "full:1", 1, 60);
  const StateDump dump = rebalancer.Dump(clock.Now());
  EXPECT_EQ(dump["'full'"],
            "60 sessions, fair share 30, uneven, disobeyed 1 times, left alone "
            "until in 4s");
}

TEST(RebalancerDumpTest, OfManyServersNotAllAreNamed) {
  FakeClock clock;
  Rebalancer rebalancer({}, &clock);
  for (int i = 0; i < 101; ++i) {
    rebalancer.Update(absl::StrCat("s", 1000 + i), "host:1", 1, 1);
  }
  const StateDump dump = rebalancer.Dump(clock.Now());
  EXPECT_EQ(dump["servers"], "101");
  EXPECT_EQ(dump.fields().back().name, "'s1099'");
}

}  // namespace
}  // namespace msgproc::balancer
