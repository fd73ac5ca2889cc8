#include "services/balancer/fleet.h"

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/fake_clock.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

ServerReport ReportOf(int i, uint64_t sessions = 0) {
  ServerReport report;
  report.server_id = absl::StrCat("s", i);
  report.address = absl::StrCat("host", i, ":1");
  report.load.sessions = sessions;
  return report;
}

class FleetTest : public testing::Test {
 protected:
  static Fleet::Options Options() {
    Fleet::Options options;
    options.rebuild_interval = absl::ZeroDuration();
    return options;
  }

  Registration Join(Fleet& fleet, const ServerReport& report) {
    const auto registration = fleet.Register(
        report, [this](absl::Status status) { ended_.push_back(status); });
    EXPECT_TRUE(registration.ok()) << registration.status();
    fleet.SetHealth(report.address, Health::kServing);
    return *registration;
  }

  std::string PickFrom(Fleet& fleet) {
    const auto picked = fleet.Pick({}, random_);
    return picked.ok() ? picked->choice[0].server_id()
                       : std::string(picked.status().message());
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  std::vector<absl::Status> ended_;
};

TEST_F(FleetTest, SaysWhyThereIsNoServer) {
  Fleet fleet(Options(), &clock_, 1);
  const auto picked = fleet.Pick({}, random_);
  EXPECT_EQ(picked.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(
      absl::StrContains(picked.status().message(), "none is registered"));
  ASSERT_TRUE(fleet.Register(ReportOf(0), nullptr).ok());
  EXPECT_TRUE(absl::StrContains(PickFrom(fleet), "health check"));
}

TEST_F(FleetTest, PicksFromWhatIsThereNow) {
  Fleet fleet(Options(), &clock_, 1);
  const Registration first = Join(fleet, ReportOf(0));
  EXPECT_EQ(PickFrom(fleet), "s0");
  Join(fleet, ReportOf(1, 5));
  fleet.Leave(first);
  EXPECT_EQ(PickFrom(fleet), "s1");
}

TEST_F(FleetTest, AnOrderGoesToWhoeverHoldsTheServerNow) {
  Fleet fleet(Options(), &clock_, 1);
  ServerReport report = ReportOf(0);
  report.takes_orders = true;
  const auto join = [&](bool listens, std::vector<std::string>* orders) {
    return *fleet.Register(
        report, [](const absl::Status&) {},
        [listens, orders](const ServerOrder& order) {
          orders->push_back(order.drain_to);
          return listens;
        });
  };
  std::vector<std::string> older;
  std::vector<std::string> newer;
  join(true, &older);
  const Registration registration = join(true, &newer);
  const ServerOrder order = {.drain = true, .drain_to = "b:1"};
  EXPECT_EQ(fleet.Order("s0", order), absl::OkStatus());
  EXPECT_TRUE(older.empty());
  EXPECT_EQ(newer, std::vector<std::string>{"b:1"});
  EXPECT_EQ(fleet.Order("s1", order).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(fleet.Order("s0", ServerOrder()).code(),
            absl::StatusCode::kInvalidArgument);
  fleet.Leave(registration);
  EXPECT_EQ(fleet.Order("s0", order).code(), absl::StatusCode::kNotFound);
  join(false, &newer);
  EXPECT_EQ(fleet.Order("s0", order).code(), absl::StatusCode::kUnavailable);
}

TEST_F(FleetTest, AnOrderNeedsAServerThatTakesIt) {
  Fleet fleet(Options(), &clock_, 1);
  Join(fleet, ReportOf(0));
  EXPECT_EQ(fleet.Order("s0", {.cordoned = true}).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(FleetTest, NeverPicksWhatIsGoneThoughThePolicyIsOld) {
  Fleet::Options options = Options();
  options.rebuild_interval = absl::Hours(1);
  Fleet fleet(options, &clock_, 1);
  const Registration first = Join(fleet, ReportOf(0));
  Join(fleet, ReportOf(1));
  // An empty policy is not worth waiting for.
  EXPECT_NE(PickFrom(fleet), "");
  fleet.Lose(first);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(PickFrom(fleet), "s1");
}

TEST_F(FleetTest, ManyChangesShareOneRebuild) {
  Fleet::Options options = Options();
  options.rebuild_interval = absl::Milliseconds(20);
  Fleet fleet(options, &clock_, 1);
  Join(fleet, ReportOf(0));
  clock_.Advance(absl::Milliseconds(20));
  PickFrom(fleet);
  Join(fleet, ReportOf(1));
  EXPECT_EQ(fleet.Pick({}, random_)->policy->roster().size(), 1U);
  clock_.Advance(absl::Milliseconds(20));
  EXPECT_EQ(fleet.Pick({}, random_)->policy->roster().size(), 2U);
}

TEST_F(FleetTest, TellsTheOlderRegistrationThatItWasReplaced) {
  Fleet fleet(Options(), &clock_, 1);
  const Registration older = Join(fleet, ReportOf(0));
  Join(fleet, ReportOf(0));
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].code(), absl::StatusCode::kAborted);
  fleet.Lose(older);
  EXPECT_EQ(PickFrom(fleet), "s0");
}

TEST_F(FleetTest, TellsASilentServerThatItsLeaseRanOut) {
  std::vector<RegistryEvent> events;
  Fleet::Options options = Options();
  options.on_event = [&](const RegistryEvent& e) { events.push_back(e); };
  Fleet fleet(options, &clock_, 1);
  Join(fleet, ReportOf(0));
  clock_.Advance(fleet.lease() + absl::Seconds(1));
  fleet.Tick();
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(fleet.EventCount(RegistryEvent::Kind::kLeaseExpired), 1U);
  EXPECT_EQ(events.back().kind, RegistryEvent::Kind::kFailStaticBegan);
  EXPECT_TRUE(fleet.fail_static());
}

TEST_F(FleetTest, TellsAFullServerToMoveSessionsToAnEmptyOne) {
  Fleet fleet(Options(), &clock_, 1);
  const Registration full = Join(fleet, ReportOf(0, 100));
  EXPECT_TRUE(fleet.Report(full, ReportOf(0, 100))->empty());
  Join(fleet, ReportOf(1));
  clock_.Advance(fleet.lease() / 3);
  const auto orders = fleet.Report(full, ReportOf(0, 100));
  ASSERT_TRUE(orders.ok() && orders->size() == 1) << orders.status();
  EXPECT_EQ((*orders)[0].to_address, "host1:1");
  EXPECT_EQ(fleet.moves(), (*orders)[0].sessions);
}

TEST_F(FleetTest, AServerThatRegistersAgainHasWhatItSaysNow) {
  Fleet::Options options = Options();
  options.rebuild_interval = absl::Seconds(5);
  Fleet fleet(options, &clock_, 1);
  const Registration full = Join(fleet, ReportOf(0, 100));
  Join(fleet, ReportOf(1));
  clock_.Advance(absl::Seconds(5));
  fleet.Tick();
  EXPECT_TRUE(fleet.Report(full, ReportOf(0, 100))->empty());
  // Healthy before anybody looks: no rebuild tells one from the other.
  Join(fleet, ReportOf(1, 100));
  clock_.Advance(absl::Seconds(3));
  const auto orders = fleet.Report(full, ReportOf(0, 100));
  ASSERT_TRUE(orders.ok()) << orders.status();
  EXPECT_EQ(orders->size(), 0U);
}

TEST_F(FleetTest, MovesNobodyToAServerThatIsNotHealthyOrDrains) {
  Fleet fleet(Options(), &clock_, 1);
  const Registration full = Join(fleet, ReportOf(0, 100));
  const auto other = fleet.Register(ReportOf(1), nullptr);
  clock_.Advance(fleet.lease() / 3);
  EXPECT_TRUE(fleet.Report(full, ReportOf(0, 100))->empty());
  ServerReport draining = ReportOf(1);
  draining.draining = true;
  fleet.SetHealth("host1:1", Health::kServing);
  ASSERT_TRUE(fleet.Report(*other, draining).ok());
  EXPECT_TRUE(fleet.Report(full, ReportOf(0, 100))->empty());
}

TEST_F(FleetTest, MovesNobodyWhileServersDifferInTheirStore) {
  Fleet fleet(Options(), &clock_, 1);
  const Registration full = Join(fleet, ReportOf(0, 100));
  ServerReport stored = ReportOf(1);
  stored.store_generation = "8a";
  const Registration empty = Join(fleet, stored);
  EXPECT_EQ(fleet.stores(), 2U);
  clock_.Advance(fleet.lease() / 3);
  EXPECT_TRUE(fleet.Report(full, ReportOf(0, 100))->empty());

  ASSERT_TRUE(fleet.Report(empty, ReportOf(1)).ok());
  EXPECT_EQ(fleet.stores(), 1U);
  clock_.Advance(fleet.lease() / 3);
  EXPECT_FALSE(fleet.Report(full, ReportOf(0, 100))->empty());
}

TEST_F(FleetTest, MovesNobodyUnderConsistentHashNorWhileFailStatic) {
  Fleet::Options options = Options();
  options.policy = PolicyKind::kConsistentHash;
  Fleet hashed(options, &clock_, 1);
  const Registration full = Join(hashed, ReportOf(0, 100));
  Join(hashed, ReportOf(1));
  clock_.Advance(hashed.lease() / 3);
  EXPECT_TRUE(hashed.Report(full, ReportOf(0, 100))->empty());

  Fleet fleet(Options(), &clock_, 1);
  const Registration here = Join(fleet, ReportOf(0, 100));
  Join(fleet, ReportOf(1));
  fleet.Lose(Join(fleet, ReportOf(2)));
  fleet.Lose(Join(fleet, ReportOf(3)));
  ASSERT_TRUE(fleet.fail_static());
  clock_.Advance(fleet.lease() / 3);
  EXPECT_TRUE(fleet.Report(here, ReportOf(0, 100))->empty());
}

TEST_F(FleetTest, PicksWhileServersComeAndGo) {
  Fleet::Options options;
  options.rebuild_interval = absl::Milliseconds(1);
  Fleet fleet(options, Clock::Monotonic(), 1);
  Join(fleet, ReportOf(0));
  std::atomic<bool> done = false;
  std::vector<std::thread> pickers;
  for (int i = 0; i < 3; ++i) {
    pickers.emplace_back([&fleet, &done, i] {
      std::mt19937_64 random(i);
      while (!done.load()) EXPECT_TRUE(fleet.Pick({}, random).ok());
    });
  }
  for (int round = 0; round < 300; ++round) {
    const Registration other = Join(fleet, ReportOf(1 + round % 7));
    EXPECT_TRUE(fleet.Report(other, ReportOf(1 + round % 7, round)).ok());
    round % 2 == 0 ? fleet.Lose(other) : fleet.Leave(other);
    fleet.Tick();
  }
  done.store(true);
  for (std::thread& picker : pickers) picker.join();
}

}  // namespace
}  // namespace msgproc::balancer
