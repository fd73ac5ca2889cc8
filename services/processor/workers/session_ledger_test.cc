#include "services/processor/workers/session_ledger.h"

#include <algorithm>

#include "common/state_dump.h"
#include "gtest/gtest.h"
#include "services/processor/workers/work_item.h"

namespace msgproc::processor {
namespace {

class SessionLedgerTest : public testing::Test {
 protected:
  ~SessionLedgerTest() override { EXPECT_TRUE(session_.CheckInvariants()); }

  void Die(int times) {
    for (int i = 0; i < times; ++i) session_.OnOwnDeath(now_);
  }

  absl::Time now_ = absl::UnixEpoch();
  SessionLedger session_;
};

TEST_F(SessionLedgerTest, KnowsWhichWorkersHoldSomethingOfIt) {
  EXPECT_EQ(session_.workers(), 0U);
  session_.AddHeld(1);
  session_.AddHeld(2);
  session_.AddHeld(1);
  EXPECT_EQ(session_.workers(), 2U);
  EXPECT_TRUE(session_.HoldsOn(1));
  EXPECT_FALSE(session_.HoldsOn(3));
  session_.RemoveHeld(1);
  EXPECT_TRUE(session_.HoldsOn(1));
  session_.RemoveHeld(1);
  EXPECT_FALSE(session_.HoldsOn(1));
  EXPECT_TRUE(session_.HoldsOn(2));
  EXPECT_EQ(session_.workers(), 1U);
}

TEST_F(SessionLedgerTest, PausesAfterManyDeathsTwiceAsLongEachTime) {
  Die(SessionLedger::kFreeDeaths);
  EXPECT_EQ(session_.not_before(), absl::InfinitePast());
  absl::Duration pause = absl::Milliseconds(10);
  for (int i = 0; i < 40; ++i) {
    now_ += absl::Seconds(1);
    Die(1);
    EXPECT_EQ(session_.not_before(), now_ + pause) << i;
    pause = std::min(2 * pause, absl::Seconds(1));
  }
  EXPECT_EQ(session_.deaths(), SessionLedger::kFreeDeaths + 40);
}

TEST_F(SessionLedgerTest, IsTaintedForAWhileAfterADeathOverItAlone) {
  EXPECT_FALSE(session_.Tainted(now_));
  Die(1);
  EXPECT_TRUE(session_.Tainted(now_));
  now_ += SessionLedger::kWatch - absl::Nanoseconds(1);
  EXPECT_TRUE(session_.Tainted(now_));
  EXPECT_EQ(session_.deaths(), 1);
  now_ += absl::Nanoseconds(1);
  EXPECT_FALSE(session_.Tainted(now_));
  EXPECT_EQ(session_.deaths(), 0);
}

TEST_F(SessionLedgerTest, IsTaintedUntilItsSuspectsAreCleared) {
  session_.OnSharedDeath();
  EXPECT_EQ(session_.deaths(), 1);
  session_.suspects_open = 1;
  now_ += absl::Hours(1);
  EXPECT_TRUE(session_.Tainted(now_));
  session_.suspects_open = 0;
  EXPECT_FALSE(session_.Tainted(now_));
  EXPECT_EQ(session_.deaths(), 0);
}

TEST_F(SessionLedgerTest, DeathsThatAreForgottenCostNoTime) {
  Die(SessionLedger::kFreeDeaths);
  now_ += SessionLedger::kWatch;
  EXPECT_FALSE(session_.Tainted(now_));
  Die(SessionLedger::kFreeDeaths);
  EXPECT_EQ(session_.not_before(), absl::InfinitePast());
  Die(1);
  EXPECT_EQ(session_.not_before(), now_ + absl::Milliseconds(10));
}

TEST_F(SessionLedgerTest, IsForgottenOnceNothingIsLostByThat) {
  EXPECT_TRUE(session_.Forgettable(now_));
  WorkItem item;
  session_.waiting.push_back(&item);
  EXPECT_FALSE(session_.Forgettable(now_));
  session_.waiting.clear();
  session_.suspects_open = 1;
  EXPECT_FALSE(session_.Forgettable(now_));
  session_.suspects_open = 0;
  session_.AddHeld(1);
  EXPECT_FALSE(session_.Forgettable(now_));
  session_.RemoveHeld(1);
  session_.queued = true;
  EXPECT_FALSE(session_.Forgettable(now_));
  session_.queued = false;
  session_.watched = true;
  EXPECT_FALSE(session_.Forgettable(now_));
  session_.watched = false;
  Die(1);
  EXPECT_FALSE(session_.Forgettable(now_));
  now_ += SessionLedger::kWatch;
  EXPECT_TRUE(session_.Forgettable(now_));
  session_.last_active = now_;
  now_ += absl::Seconds(10);
  EXPECT_FALSE(session_.Forgettable(now_));
  now_ += absl::Nanoseconds(1);
  EXPECT_TRUE(session_.Forgettable(now_));
}

TEST_F(SessionLedgerTest, ItsDumpSaysWhyItIsGivenNothing) {
  StateDump dump = session_.Dump(now_);
  EXPECT_EQ(dump.machine(), "processor::SessionLedger");
  EXPECT_EQ(dump["deaths"], "0");
  EXPECT_EQ(dump["not_before"], "never");
  session_.AddHeld(3);
  session_.OnSharedDeath();
  Die(SessionLedger::kFreeDeaths + 1);
  dump = session_.Dump(now_);
  EXPECT_EQ(dump["workers"], "1");
  EXPECT_EQ(dump["deaths"], "10");
  EXPECT_EQ(dump["own_deaths"], "9");
  EXPECT_EQ(dump["not_before"], "in 10ms");
  EXPECT_EQ(dump["watched_until"], "in 10s");
  EXPECT_EQ(dump["waiting"], "0");
  EXPECT_EQ(dump["suspects"], "0");
}

}  // namespace
}  // namespace msgproc::processor
