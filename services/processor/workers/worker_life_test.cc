#include "services/processor/workers/worker_life.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

constexpr WorkerPhase kPhases[] = {
    WorkerPhase::kStarting, WorkerPhase::kServing, WorkerPhase::kRetiring,
    WorkerPhase::kLeaving,  WorkerPhase::kKilled,  WorkerPhase::kGone};

TEST(WorkerPhaseTest, EveryPhaseHasANameOfItsOwn) {
  std::set<std::string> names;
  for (const WorkerPhase phase : kPhases) {
    names.insert(std::string(WorkerPhaseName(phase)));
  }
  EXPECT_EQ(names.size(), 6u);
  EXPECT_EQ(names.count("unknown"), 0u);
}

TEST(WorkerLifeTest, GoesOnThroughAllPhases) {
  WorkerLife life;
  EXPECT_TRUE(life.starting());
  for (const WorkerPhase phase : kPhases) {
    if (phase != WorkerPhase::kStarting) life.ChangePhase(phase);
    EXPECT_EQ(life.phase(), phase);
    EXPECT_EQ(life.starting(), phase == WorkerPhase::kStarting);
    EXPECT_EQ(life.serving(), phase == WorkerPhase::kServing);
  }
}

TEST(WorkerLifeTest, MayEndInAnyPhase) {
  for (const WorkerPhase from : kPhases) {
    if (from == WorkerPhase::kGone) continue;
    WorkerLife life(from);
    life.ChangePhase(WorkerPhase::kGone);
    EXPECT_EQ(life.phase(), WorkerPhase::kGone);
  }
}

TEST(WorkerLifeDeathTest, NeverGoesBackNorStaysWhereItIs) {
  for (const WorkerPhase from : kPhases) {
    for (const WorkerPhase to : kPhases) {
      if (from < to) continue;
      WorkerLife life(from);
      EXPECT_DEATH(life.ChangePhase(to), "phase_ < to");
    }
  }
}

TEST(WorkerLifeDeathTest, OneThatNeverServedHasNothingToFinish) {
  WorkerLife life;
  EXPECT_DEATH(life.ChangePhase(WorkerPhase::kRetiring), "serving");
}

}  // namespace
}  // namespace msgproc::processor
