#include "services/processor/workers/worker_roster.h"

#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {
namespace {

const absl::Time kStart = absl::UnixEpoch();

absl::Time After(int seconds) { return kStart + absl::Seconds(seconds); }

TEST(WorkerRosterTest, ASlotWithoutAProcessIsListed) {
  const WorkerRoster roster(2);
  const std::vector<WorkerFacts> list = roster.List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].id, 0u);
  EXPECT_EQ(list[0].slot, 0);
  EXPECT_EQ(list[1].slot, 1);
  EXPECT_EQ(list[1].phase, WorkerPhase::kGone);
  EXPECT_EQ(list[1].restarts, 0u);
  EXPECT_EQ(list[1].last_exit, "");
  EXPECT_EQ(list[1].exited, absl::InfinitePast());
}

TEST(WorkerRosterTest, AProcessIsToldOfFromItsStartOn) {
  WorkerRoster roster(2);
  roster.OnStarted(1, 7, 4711, After(1));
  WorkerFacts facts = roster.List()[1];
  EXPECT_EQ(facts.id, 7u);
  EXPECT_EQ(facts.slot, 1);
  EXPECT_EQ(facts.pid, 4711);
  EXPECT_EQ(facts.phase, WorkerPhase::kStarting);
  EXPECT_EQ(facts.started, After(1));
  EXPECT_EQ(facts.since, After(1));
  EXPECT_EQ(facts.restarts, 0u);

  roster.OnPhase(7, WorkerPhase::kServing, After(3));
  facts = roster.List()[1];
  EXPECT_EQ(facts.phase, WorkerPhase::kServing);
  EXPECT_EQ(facts.started, After(1));
  EXPECT_EQ(facts.since, After(3));
}

TEST(WorkerRosterTest, ThePlaceOfADeadOneSaysHowItEnded) {
  WorkerRoster roster(1);
  roster.OnStarted(0, 1, 100, After(0));
  roster.OnGone(1, "signal 9 (Killed)", After(5));
  std::vector<WorkerFacts> list = roster.List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].id, 0u);
  EXPECT_EQ(list[0].pid, 0);
  EXPECT_EQ(list[0].since, After(5));
  EXPECT_EQ(list[0].restarts, 1u);
  EXPECT_EQ(list[0].last_exit, "signal 9 (Killed)");
  EXPECT_EQ(list[0].exited, After(5));

  roster.OnStarted(0, 2, 101, After(6));
  list = roster.List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].pid, 101);
  EXPECT_EQ(list[0].restarts, 1u);
  EXPECT_EQ(list[0].last_exit, "signal 9 (Killed)");
  EXPECT_EQ(list[0].exited, After(5));
}

TEST(WorkerRosterTest, BothAreToldOfWhileASuccessorTakesOver) {
  WorkerRoster roster(2);
  roster.OnStarted(0, 1, 100, After(0));
  roster.OnStarted(1, 2, 101, After(0));
  roster.OnStarted(0, 3, 102, After(9));
  std::vector<WorkerFacts> list = roster.List();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].id, 1u);
  EXPECT_EQ(list[1].id, 3u);
  EXPECT_EQ(list[1].restarts, 1u);
  EXPECT_EQ(list[2].id, 2u);

  roster.OnGone(1, "left, exit code 0", After(10));
  list = roster.List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].id, 3u);
  EXPECT_EQ(list[0].last_exit, "left, exit code 0");
  EXPECT_EQ(list[1].last_exit, "");
}

TEST(WorkerRosterTest, OneThatCannotBeStartedIsNoRestart) {
  WorkerRoster roster(1);
  roster.OnNotStarted(0, "no such program", After(2));
  const WorkerFacts facts = roster.List()[0];
  EXPECT_EQ(facts.last_exit, "not started: no such program");
  EXPECT_EQ(facts.exited, After(2));
  EXPECT_EQ(facts.restarts, 0u);
}

TEST(WorkerRosterDeathTest, ChecksWhatItIsTold) {
  EXPECT_DEATH(WorkerRoster(0), "slots");
  WorkerRoster roster(1);
  EXPECT_DEATH(roster.OnStarted(0, 0, 1, kStart), "worker");
  EXPECT_DEATH(roster.OnPhase(1, WorkerPhase::kServing, kStart), "slot");
  EXPECT_DEATH(roster.OnGone(1, "", kStart), "slot");
  roster.OnStarted(0, 1, 1, kStart);
  EXPECT_DEATH(roster.OnStarted(0, 1, 1, kStart), "added");
  EXPECT_DEATH(roster.OnPhase(1, WorkerPhase::kGone, kStart), "kGone");
}

}  // namespace
}  // namespace msgproc::processor
