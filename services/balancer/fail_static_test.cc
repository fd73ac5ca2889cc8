// What ServerRegistry does when most of the fleet vanishes at once, and what
// FailStatic decides then.
#include "services/balancer/fail_static.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/fake_clock.h"
#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/balancer/server_registry.h"

namespace msgproc::balancer {
namespace {

using testing::Contains;
using testing::Field;
using testing::IsEmpty;

constexpr absl::Duration kLease = absl::Seconds(6);
constexpr absl::Duration kFailStatic = absl::Minutes(5);

class FailStaticTest : public testing::Test {
 protected:
  static ServerReport ReportOf(int i) {
    ServerReport report;
    report.server_id = absl::StrCat("s", i);
    report.address = absl::StrCat("host", i, ":1");
    return report;
  }

  Registration Join(int i) {
    const auto registered = registry_.Register(ReportOf(i));
    EXPECT_TRUE(registered.ok()) << registered.status();
    registry_.SetHealth(ReportOf(i).address, Health::kServing);
    return registered->registration;
  }

  std::vector<Registration> JoinMany(int count) {
    std::vector<Registration> registrations;
    for (int i = 0; i < count; ++i) registrations.push_back(Join(i));
    return registrations;
  }

  size_t HandedOut() const { return registry_.MakeRoster()->size(); }

  FakeClock clock_;
  ServerRegistry registry_{{.lease = kLease, .fail_static = kFailStatic},
                           &clock_};
};

TEST_F(FailStaticTest, APartitionedBalancerKeepsTheLastKnownList) {
  JoinMany(10);
  clock_.Advance(kLease + absl::Seconds(1));
  EXPECT_EQ(registry_.Tick().size(), 10U);
  EXPECT_TRUE(registry_.fail_static());
  EXPECT_EQ(HandedOut(), 10U);
  for (const ServerStatus& status : registry_.List()) {
    EXPECT_EQ(status.state, ServerState::kStale);
  }
  EXPECT_EQ(registry_.TakeEvents().back().kind,
            RegistryEvent::Kind::kFailStaticBegan);
}

TEST_F(FailStaticTest, AFewLossesAreJustLosses) {
  const std::vector<Registration> servers = JoinMany(10);
  for (int i = 0; i < 4; ++i) registry_.Lose(servers[i]);
  EXPECT_EQ(HandedOut(), 6U);
  EXPECT_FALSE(registry_.fail_static());
}

TEST_F(FailStaticTest, TheFifthOfTenBringsTheFourBeforeItBack) {
  const std::vector<Registration> servers = JoinMany(10);
  for (int i = 0; i < 5; ++i) registry_.Lose(servers[i]);
  EXPECT_EQ(HandedOut(), 10U);
  EXPECT_TRUE(registry_.fail_static());
}

TEST_F(FailStaticTest, LossesSpreadOverTimeAreNotAMassLoss) {
  const std::vector<Registration> servers = JoinMany(10);
  for (int i = 0; i < 8; ++i) {
    registry_.Lose(servers[i]);
    clock_.Advance(kLease + absl::Seconds(1));
    for (int j = i + 1; j < 10; ++j) {
      ASSERT_TRUE(registry_.Report(servers[j], ReportOf(j)).ok());
    }
    registry_.Tick();
  }
  EXPECT_EQ(HandedOut(), 2U);
  EXPECT_FALSE(registry_.fail_static());
}

TEST_F(FailStaticTest, OneOfTwoIsNotMostOfTheFleetButTheLastOneIs) {
  const std::vector<Registration> servers = JoinMany(2);
  registry_.Lose(servers[0]);
  EXPECT_EQ(HandedOut(), 1U);
  registry_.Lose(servers[1]);
  EXPECT_EQ(HandedOut(), 2U);
}

TEST_F(FailStaticTest, ServersThatSaidGoodbyeAreNotKept) {
  const std::vector<Registration> servers = JoinMany(6);
  registry_.Leave(servers[0]);
  registry_.Leave(servers[1]);
  for (int i = 2; i < 6; ++i) registry_.Lose(servers[i]);
  EXPECT_EQ(HandedOut(), 4U);
}

TEST_F(FailStaticTest, ARefusedConnectionIsEvidenceThatAServerIsGone) {
  for (const Registration& server : JoinMany(3)) registry_.Lose(server);
  EXPECT_EQ(registry_.AddressesToCheck().size(), 3U);
  registry_.SetHealth("host0:1", Health::kUnreachable);
  EXPECT_EQ(HandedOut(), 3U);
  for (int i = 0; i < 3; ++i) {
    registry_.SetHealth(ReportOf(i).address, Health::kRefused);
  }
  EXPECT_EQ(HandedOut(), 0U);
  EXPECT_FALSE(registry_.fail_static());
  EXPECT_THAT(registry_.AddressesToCheck(), IsEmpty());
}

TEST_F(FailStaticTest, AStaleServerThatAnswersItsHealthCheckStaysInUse) {
  for (const Registration& server : JoinMany(3)) registry_.Lose(server);
  registry_.SetHealth("host0:1", Health::kServing);
  EXPECT_EQ(HandedOut(), 3U);
  EXPECT_EQ(registry_.Get("s0")->state, ServerState::kStale);
}

TEST_F(FailStaticTest, EndsWhenTheServersReturn) {
  for (const Registration& server : JoinMany(4)) registry_.Lose(server);
  Join(0);
  Join(1);
  EXPECT_TRUE(registry_.fail_static());
  EXPECT_EQ(HandedOut(), 4U);
  // The last one that is missing is an ordinary loss now.
  Join(2);
  EXPECT_FALSE(registry_.fail_static());
  EXPECT_EQ(HandedOut(), 3U);
  EXPECT_THAT(registry_.TakeEvents(),
              Contains(Field(&RegistryEvent::kind,
                             RegistryEvent::Kind::kFailStaticEnded)));
}

TEST_F(FailStaticTest, EndsWhenTheBoundHasPassed) {
  for (const Registration& server : JoinMany(4)) registry_.Lose(server);
  clock_.Advance(kFailStatic);
  registry_.Tick();
  EXPECT_EQ(HandedOut(), 4U);
  clock_.Advance(absl::Seconds(1));
  registry_.Tick();
  EXPECT_EQ(HandedOut(), 0U);
  EXPECT_THAT(registry_.List(), IsEmpty());
}

TEST_F(FailStaticTest, ThoseWhoHoldAnOldRosterSeeWhenItIsOver) {
  const std::vector<Registration> servers = JoinMany(3);
  const auto before = registry_.MakeRoster();
  uint64_t version = registry_.version();
  for (const Registration& server : servers) {
    registry_.Lose(server);
    EXPECT_GT(registry_.version(), version) << "one more is to be checked";
    version = registry_.version();
  }
  EXPECT_TRUE((*before)[0].available());
  registry_.SetHealth("host0:1", Health::kRefused);
  EXPECT_FALSE((*before)[0].available());
  EXPECT_TRUE((*before)[1].available());
  EXPECT_GT(registry_.version(), version);
  version = registry_.version();
  clock_.Advance(kFailStatic + absl::Seconds(1));
  registry_.Tick();
  EXPECT_FALSE((*before)[1].available());
  EXPECT_GT(registry_.version(), version);
}

TEST_F(FailStaticTest, AServerThatReturnsUnderAnotherNameIsNotMissing) {
  for (const Registration& server : JoinMany(3)) registry_.Lose(server);
  ServerReport renamed = ReportOf(0);
  renamed.server_id = "restarted";
  ASSERT_TRUE(registry_.Register(renamed).ok());
  registry_.SetHealth(renamed.address, Health::kServing);
  EXPECT_FALSE(registry_.Get("s0").ok());
  EXPECT_EQ(HandedOut(), 3U);
}

TEST_F(FailStaticTest, StaticServersFallSilentTogetherToo) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(registry_.AddStatic(ReportOf(i).address).ok());
    registry_.SetHealth(ReportOf(i).address, Health::kServing);
  }
  for (int i = 0; i < 3; ++i) {
    registry_.SetHealth(ReportOf(i).address, Health::kUnreachable);
  }
  EXPECT_EQ(HandedOut(), 3U);
  EXPECT_TRUE(registry_.fail_static());
  for (int i = 0; i < 3; ++i) {
    registry_.SetHealth(ReportOf(i).address, Health::kServing);
  }
  EXPECT_FALSE(registry_.fail_static());
  EXPECT_EQ(HandedOut(), 3U);
}

TEST_F(FailStaticTest, WhileAFleetComesBackItIsNeverEmpty) {
  for (const Registration& registration : JoinMany(4)) {
    registry_.Lose(registration);
  }
  EXPECT_TRUE(registry_.fail_static());
  ASSERT_TRUE(registry_.Register(ReportOf(0)).ok());
  EXPECT_EQ(HandedOut(), 4U);
  ASSERT_TRUE(registry_.Register(ReportOf(1)).ok());
  EXPECT_EQ(HandedOut(), 4U);
  // Those that are a minority again are dropped, and have to answer.
  ASSERT_TRUE(registry_.Register(ReportOf(2)).ok());
  EXPECT_EQ(HandedOut(), 3U);
  EXPECT_FALSE(registry_.fail_static());
  ASSERT_TRUE(registry_.Register(ReportOf(3)).ok());
  EXPECT_EQ(HandedOut(), 3U);
  EXPECT_THAT(registry_.AddressesToCheck(),
              testing::ElementsAre(testing::Key(ReportOf(3).address)));
}

TEST_F(FailStaticTest, WhoComesBackSilentOrElsewhereHasToAnswerFirst) {
  for (const Registration& registration : JoinMany(6)) {
    registry_.Lose(registration);
  }
  registry_.SetHealth(ReportOf(0).address, Health::kUnreachable);
  EXPECT_EQ(HandedOut(), 6U);
  ASSERT_TRUE(registry_.Register(ReportOf(0)).ok());
  EXPECT_EQ(HandedOut(), 5U);
  ServerReport elsewhere = ReportOf(1);
  elsewhere.address = "elsewhere:1";
  ASSERT_TRUE(registry_.Register(elsewhere).ok());
  EXPECT_EQ(HandedOut(), 4U);
  // It has answered again before it came.
  registry_.SetHealth(ReportOf(2).address, Health::kUnreachable);
  registry_.SetHealth(ReportOf(2).address, Health::kServing);
  ASSERT_TRUE(registry_.Register(ReportOf(2)).ok());
  EXPECT_EQ(registry_.AddressesToCheck().count(ReportOf(2).address), 0U);
}

TEST_F(FailStaticTest, LastsForAsLongAsTheSourceIsOutOfReach) {
  const auto registrations = JoinMany(3);
  registry_.SetBlind(true);
  for (const Registration& registration : registrations) {
    registry_.Lose(registration);
  }
  clock_.Advance(100 * kFailStatic);
  registry_.Tick();
  EXPECT_EQ(HandedOut(), 3U);
  // It may be seen that one is gone all the same.
  registry_.SetHealth(ReportOf(0).address, Health::kRefused);
  EXPECT_EQ(HandedOut(), 2U);
  registry_.SetBlind(false);
  registry_.Tick();
  EXPECT_EQ(HandedOut(), 0U);
}

TEST_F(FailStaticTest, CanBeTurnedOff) {
  ServerRegistry registry(
      {.lease = kLease, .fail_static = absl::ZeroDuration()}, &clock_);
  const auto registered = registry.Register(ReportOf(0));
  ASSERT_TRUE(registered.ok());
  registry.SetHealth("host0:1", Health::kServing);
  registry.Lose(registered->registration);
  EXPECT_EQ(registry.MakeRoster()->size(), 0U);
}

// The decision by itself.
class DecisionTest : public testing::Test {
 protected:
  // `here` servers, and those that are missed. Whether anything changed.
  bool Decide(size_t here, const std::vector<Absence*>& missed) {
    fail_static_.Begin(now_);
    Absence none;
    for (size_t i = 0; i < here; ++i) fail_static_.Count(&none, true);
    for (Absence* absence : missed) fail_static_.Count(absence, false);
    const bool changed = fail_static_.Decide();
    for (Absence* absence : missed) fail_static_.Apply(absence);
    return changed;
  }

  Absence MissedFor(absl::Duration duration) const {
    Absence absence;
    absence.Vanish(now_ - duration);
    return absence;
  }

  const absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  FailStatic fail_static_{{.lease = kLease, .longest = kFailStatic}};
};

TEST_F(DecisionTest, IsOffUntilSomethingVanishes) {
  EXPECT_FALSE(fail_static_.on());
  EXPECT_EQ(fail_static_.kept(), 0U);
  EXPECT_FALSE(Decide(3, {}));
  EXPECT_FALSE(fail_static_.on());
}

TEST_F(DecisionTest, TheOnlyServerIsKept) {
  Absence only = MissedFor(absl::Seconds(1));
  EXPECT_TRUE(Decide(0, {&only}));
  EXPECT_TRUE(only.stale());
  EXPECT_EQ(fail_static_.kept(), 1U);
}

TEST_F(DecisionTest, WhoeverVanishedALeaseAgoVanishedWithTheOthers) {
  Absence now = MissedFor(absl::ZeroDuration());
  Absence before = MissedFor(kLease);
  Absence long_before = MissedFor(kLease + absl::Nanoseconds(1));
  EXPECT_TRUE(Decide(2, {&now, &before, &long_before}));
  EXPECT_TRUE(now.stale());
  EXPECT_TRUE(before.stale());
  EXPECT_FALSE(long_before.stale());
  EXPECT_EQ(fail_static_.kept(), 2U);
}

TEST_F(DecisionTest, CountsOnlyTheAbsencesThatItKeeps) {
  Absence one = MissedFor(absl::ZeroDuration());
  EXPECT_FALSE(Decide(5, {&one}));
  EXPECT_FALSE(one.stale());
  EXPECT_EQ(fail_static_.kept(), 0U);
}

TEST_F(DecisionTest, WhatIsKeptForTheLongestIsKeptStill) {
  Absence only = MissedFor(absl::Seconds(1));
  Decide(0, {&only});
  only.Vanish(now_ - kFailStatic);
  EXPECT_FALSE(Decide(0, {&only}));
  EXPECT_TRUE(only.stale());
  only.Vanish(now_ - kFailStatic - absl::Nanoseconds(1));
  EXPECT_TRUE(Decide(0, {&only}));
  EXPECT_FALSE(fail_static_.on());
  EXPECT_FALSE(only.stale());
}

TEST_F(DecisionTest, NothingIsKeptForTooLongByWhoSeesNothing) {
  fail_static_.SetBlind(true);
  Absence only = MissedFor(absl::Seconds(1));
  Decide(0, {&only});
  only.Vanish(now_ - 10 * kFailStatic);
  EXPECT_FALSE(Decide(0, {&only}));
  EXPECT_TRUE(only.stale());
  fail_static_.SetBlind(false);
  EXPECT_TRUE(Decide(0, {&only}));
  EXPECT_FALSE(only.stale());
}

TEST(FailStaticDumpTest, SaysWhatWasDecidedAndWhy) {
  FakeClock clock;
  FailStatic decider({.lease = kLease, .longest = kFailStatic});
  EXPECT_EQ(decider.Dump(clock.Now())["on"], "false");
  EXPECT_EQ(decider.Dump(clock.Now())["blind"], "false");
  decider.SetBlind(true);
  Absence gone;
  gone.Vanish(clock.Now());
  decider.Begin(clock.Now());
  decider.Count(&gone, /*here=*/false);
  EXPECT_TRUE(decider.Decide());
  EXPECT_FALSE(decider.Apply(&gone));
  const StateDump dump = decider.Dump(clock.Now() + absl::Seconds(3));
  EXPECT_EQ(dump.machine(), "balancer::FailStatic");
  EXPECT_EQ(dump["on"], "true");
  EXPECT_EQ(dump["blind"], "true");
  EXPECT_EQ(dump["here"], "0");
  EXPECT_EQ(dump["vanished"], "1");
  EXPECT_EQ(dump["kept"], "1");
  EXPECT_EQ(dump["decided_at"], "3s ago");
  EXPECT_EQ(dump["lease"], "6s");
  EXPECT_EQ(dump["longest"], "5m");
}

}  // namespace
}  // namespace msgproc::balancer
