#include "services/balancer/rebalancer.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/fake_clock.h"
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

TEST_F(RebalancerTest, ARateOfZeroTurnsItOff) {
  Rebalancer off({.moves_per_second = 0}, &clock_);
  off.Update("a", "a:1", 1, 1000);
  off.Update("b", "b:1", 1, 0);
  EXPECT_FALSE(off.NextMove("a").has_value());
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

}  // namespace
}  // namespace msgproc::balancer
