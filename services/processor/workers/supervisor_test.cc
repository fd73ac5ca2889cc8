#include "services/processor/workers/supervisor.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SupervisorTest : public ::testing::Test {
 protected:
  std::vector<WorkerId> Started() {
    last_ = supervisor_.Decide(now_);
    std::vector<WorkerId> started;
    for (const auto& start : last_.start) started.push_back(start.worker);
    return started;
  }
  // Starts both workers, which become ready: 1 and 2.
  void Serve() {
    for (WorkerId worker : Started()) supervisor_.OnReady(worker, now_);
  }
  void Die(WorkerId worker, Departure departure = Departure::kSignal) {
    supervisor_.OnGone(worker, departure, now_);
  }

  absl::Time now_ = absl::UnixEpoch();
  Supervisor supervisor_{{.workers = 2, .start_timeout = absl::Seconds(10)}};
  Supervisor::Actions last_;
};

TEST_F(SupervisorTest, StartsAWorkerForEverySlot) {
  EXPECT_THAT(Started(), ElementsAre(1, 2));
  EXPECT_EQ(last_.start[0].slot, 0);
  EXPECT_EQ(last_.start[1].slot, 1);
  EXPECT_EQ(supervisor_.serving(), 0);
  supervisor_.OnReady(2, now_);
  EXPECT_EQ(supervisor_.serving(), 1);
  EXPECT_THAT(Started(), IsEmpty());
}

TEST_F(SupervisorTest, ReplacesADeadWorkerAtOnce) {
  Serve();
  now_ += absl::Seconds(1);
  Die(1);
  EXPECT_THAT(Started(), ElementsAre(3));
  EXPECT_EQ(last_.start[0].slot, 0);
  EXPECT_EQ(supervisor_.departures(Departure::kSignal), 1u);
}

TEST_F(SupervisorTest, PausesLongerAndLongerWhereWorkersKeepDying) {
  Serve();
  WorkerId worker = 1;
  absl::Duration before;
  for (int i = 0; i < 12; ++i) {
    Die(worker);
    EXPECT_THAT(Started(), IsEmpty());
    const absl::Duration pause = supervisor_.NextDecision() - now_;
    EXPECT_TRUE(pause == before * 2 || before == absl::ZeroDuration() ||
                pause == absl::Seconds(5))
        << pause;
    before = pause;
    now_ += pause;
    const auto started = Started();
    ASSERT_THAT(started, SizeIs(1));
    worker = started[0];
    supervisor_.OnReady(worker, now_);
  }
  EXPECT_EQ(before, absl::Seconds(5));
  now_ += absl::Minutes(1);
  Die(worker);
  EXPECT_THAT(Started(), SizeIs(1));
}

TEST_F(SupervisorTest, KillsAWorkerThatIsNotReadyInTime) {
  Started();
  supervisor_.OnReady(1, now_);
  EXPECT_EQ(supervisor_.NextDecision(), now_ + absl::Seconds(10));
  now_ += absl::Seconds(11);
  EXPECT_THAT(supervisor_.Decide(now_).kill, ElementsAre(2));
  Die(2);
  EXPECT_EQ(supervisor_.departures(Departure::kStart), 1u);
}

TEST_F(SupervisorTest, AWorkerThatWasKilledIsNotWaitedForAnyMore) {
  Started();
  supervisor_.OnReady(1, now_);
  now_ += absl::Seconds(11);
  EXPECT_THAT(supervisor_.Decide(now_).kill, ElementsAre(2));
  EXPECT_THAT(supervisor_.Decide(now_).kill, IsEmpty());
  EXPECT_EQ(supervisor_.NextDecision(), absl::InfiniteFuture());
  // Its last words say that it is ready.
  supervisor_.OnReady(2, now_);
  EXPECT_EQ(supervisor_.serving(), 1);
}

TEST_F(SupervisorTest, LosesHopeWhenNoWorkerStarts) {
  Started();
  Die(1);
  Die(2);
  EXPECT_FALSE(supervisor_.Hopeless(now_));
  now_ = supervisor_.NextDecision();
  Started();
  Die(3);
  EXPECT_TRUE(supervisor_.Hopeless(now_));
}

TEST_F(SupervisorTest, KeepsHopeWhileOneServesAndForAWhileAfterwards) {
  Serve();
  Die(1);
  std::vector<WorkerId> started;
  const auto fail = [&] {
    now_ = std::max(now_, supervisor_.NextDecision());
    for (WorkerId worker : Started()) Die(worker);
  };
  for (int i = 0; i < 20; ++i) fail();
  EXPECT_FALSE(supervisor_.Hopeless(now_));
  Die(2);
  EXPECT_FALSE(supervisor_.Hopeless(now_));
  for (int i = 0; i < 20; ++i) fail();
  EXPECT_TRUE(supervisor_.Hopeless(now_));
}

TEST_F(SupervisorTest, ReplacesAllWithNewOnesReadyFirst) {
  Serve();
  supervisor_.Replace();
  EXPECT_TRUE(supervisor_.replacing());
  EXPECT_THAT(Started(), ElementsAre(3, 4));
  EXPECT_THAT(last_.retire, IsEmpty());
  EXPECT_EQ(supervisor_.serving(), 2);
  supervisor_.OnReady(4, now_);
  EXPECT_THAT(supervisor_.Decide(now_).retire, ElementsAre(2));
  supervisor_.OnReady(3, now_);
  EXPECT_THAT(supervisor_.Decide(now_).retire, ElementsAre(1));
  EXPECT_FALSE(supervisor_.replacing());
  EXPECT_EQ(supervisor_.departures(Departure::kReload), 2u);
  Die(1, Departure::kExit);
  Die(2, Departure::kExit);
  EXPECT_THAT(Started(), IsEmpty());
  EXPECT_EQ(supervisor_.departures(Departure::kExit), 0u);
}

TEST_F(SupervisorTest, ReplacesAgainWhatStartedBeforeTheLastReload) {
  Serve();
  supervisor_.Replace();
  EXPECT_THAT(Started(), ElementsAre(3, 4));
  supervisor_.Replace();
  EXPECT_THAT(Started(), IsEmpty());
  supervisor_.OnReady(3, now_);
  EXPECT_THAT(Started(), ElementsAre(5));
  EXPECT_THAT(last_.retire, ElementsAre(1));
  supervisor_.OnReady(5, now_);
  EXPECT_THAT(supervisor_.Decide(now_).retire, ElementsAre(3));
}

TEST_F(SupervisorTest, KeepsTheOldWorkersWhenTheNewOnesFail) {
  Serve();
  supervisor_.Replace();
  for (int i = 0; i < 3; ++i) {
    now_ += absl::Seconds(1);
    for (WorkerId worker : Started()) Die(worker, Departure::kExit);
  }
  EXPECT_TRUE(supervisor_.TakeAbandoned());
  EXPECT_FALSE(supervisor_.TakeAbandoned());
  EXPECT_FALSE(supervisor_.replacing());
  EXPECT_EQ(supervisor_.serving(), 2);
  now_ += absl::Minutes(1);
  EXPECT_THAT(Started(), IsEmpty());
  supervisor_.Replace();
  EXPECT_THAT(Started(), SizeIs(2));
}

TEST_F(SupervisorTest, TakesTheSuccessorInWhenTheOldOneDiesFirst) {
  Serve();
  supervisor_.Replace(1, Departure::kMemory);
  EXPECT_THAT(Started(), ElementsAre(3));
  Die(1);
  EXPECT_THAT(Started(), IsEmpty());
  supervisor_.OnReady(3, now_);
  const auto actions = supervisor_.Decide(now_);
  EXPECT_THAT(actions.start, IsEmpty());
  EXPECT_THAT(actions.retire, IsEmpty());
  EXPECT_EQ(supervisor_.serving(), 2);
}

TEST_F(SupervisorTest, RetiresOneWorkerOnce) {
  Serve();
  supervisor_.Replace(1, Departure::kMessages);
  supervisor_.Replace(1, Departure::kMessages);
  EXPECT_THAT(Started(), ElementsAre(3));
  supervisor_.Replace(1, Departure::kMessages);
  supervisor_.OnReady(3, now_);
  EXPECT_THAT(Started(), IsEmpty());
  EXPECT_THAT(last_.retire, ElementsAre(1));
  EXPECT_EQ(supervisor_.departures(Departure::kMessages), 1u);
}

TEST_F(SupervisorTest, KeepsItsSlotsWhateverHappens) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    Supervisor supervisor({.workers = 3});
    std::map<WorkerId, bool> alive;  // Whether it was told to leave.
    absl::Time now = absl::UnixEpoch();
    for (int step = 0; step < 500; ++step) {
      const auto actions = supervisor.Decide(now);
      for (const auto& start : actions.start) {
        ASSERT_TRUE(alive.emplace(start.worker, false).second);
      }
      for (WorkerId worker : actions.retire) alive.at(worker) = true;
      for (WorkerId worker : actions.kill) {
        alive.erase(worker);
        supervisor.OnGone(worker, Departure::kStart, now);
      }
      ASSERT_LE(std::count_if(alive.begin(), alive.end(),
                              [](const auto& one) { return !one.second; }),
                6);
      now += absl::Milliseconds(random() % 200);
      if (random() % 20 == 0) supervisor.Replace();
      if (alive.empty()) continue;
      const WorkerId worker =
          std::next(alive.begin(),
                    static_cast<int64_t>(random() % alive.size()))
              ->first;
      switch (random() % 4) {
        case 0:
        case 1:
          supervisor.OnReady(worker, now);
          break;
        case 2:
          if (random() % 3 == 0) {
            supervisor.Replace(worker, Departure::kMemory);
          }
          break;
        default:
          alive.erase(worker);
          supervisor.OnGone(worker, Departure::kSignal, now);
      }
      ASSERT_TRUE(supervisor.CheckInvariants());
    }
    for (int round = 0; round < 20; ++round) {
      now += absl::Seconds(6);
      const auto actions = supervisor.Decide(now);
      for (WorkerId worker : actions.kill) {
        supervisor.OnGone(worker, Departure::kStart, now);
      }
      for (const auto& [worker, leaving] : alive)
        supervisor.OnReady(worker, now);
      for (const auto& start : actions.start) {
        supervisor.OnReady(start.worker, now);
      }
    }
    EXPECT_EQ(supervisor.serving(), 3);
    EXPECT_FALSE(supervisor.replacing());
  }
}

TEST(SupervisorPauseTest, ADeathThatWasExpectedBringsNoPause) {
  Supervisor supervisor({.workers = 1});
  absl::Time now = absl::UnixEpoch();
  for (int i = 0; i < 50; ++i) {
    const auto actions = supervisor.Decide(now);
    ASSERT_EQ(actions.start.size(), 1u) << i;
    supervisor.OnReady(actions.start[0].worker, now);
    supervisor.OnGone(actions.start[0].worker, Departure::kSignal, now,
                      /*expected=*/true);
  }
  EXPECT_EQ(supervisor.departures(Departure::kSignal), 50u);
  // Another one is what it ever was: the second in a row waits.
  for (int i = 0; i < 2; ++i) {
    const auto actions = supervisor.Decide(now);
    ASSERT_EQ(actions.start.size(), 1u);
    supervisor.OnReady(actions.start[0].worker, now);
    supervisor.OnGone(actions.start[0].worker, Departure::kSignal, now);
    if (i == 0) now = supervisor.NextDecision();
  }
  EXPECT_GT(supervisor.NextDecision(), now);
  EXPECT_TRUE(supervisor.Decide(now).start.empty());
}

TEST(SupervisorPauseTest, AFirstStartThatTimesOutIsHopeless) {
  Supervisor supervisor({.workers = 2, .start_timeout = absl::Seconds(1)});
  absl::Time now = absl::UnixEpoch();
  supervisor.Decide(now);
  EXPECT_FALSE(supervisor.Hopeless(now));
  now += absl::Seconds(2);
  const auto actions = supervisor.Decide(now);
  ASSERT_EQ(actions.kill.size(), 2u);
  supervisor.OnGone(actions.kill[0], Departure::kStart, now);
  EXPECT_TRUE(supervisor.Hopeless(now));
}

TEST_F(SupervisorTest, AWorkerHasAllOfItsTimeToBecomeReady) {
  Started();
  now_ += absl::Seconds(10);
  EXPECT_THAT(supervisor_.Decide(now_).kill, IsEmpty());
  now_ += absl::Nanoseconds(1);
  EXPECT_THAT(supervisor_.Decide(now_).kill, ElementsAre(1, 2));
}

TEST_F(SupervisorTest, OneThatEndsBeforeItIsReadyHasFailedToStart) {
  Started();
  Die(1, Departure::kExit);
  EXPECT_EQ(supervisor_.departures(Departure::kStart), 1u);
  EXPECT_EQ(supervisor_.departures(Departure::kExit), 0u);
}

TEST_F(SupervisorTest, OneThatIsNotReadyYetIsKilledForItsSuccessor) {
  EXPECT_THAT(Started(), ElementsAre(1, 2));
  supervisor_.Replace();
  EXPECT_THAT(Started(), ElementsAre(3, 4));
  supervisor_.OnReady(3, now_);
  const auto actions = supervisor_.Decide(now_);
  EXPECT_THAT(actions.kill, ElementsAre(1));
  EXPECT_THAT(actions.retire, IsEmpty());
  EXPECT_EQ(supervisor_.serving(), 1);
}

TEST_F(SupervisorTest, ASuccessorHasItsTimeToBecomeReadyToo) {
  Serve();
  supervisor_.Replace(1, Departure::kMemory);
  EXPECT_THAT(Started(), ElementsAre(3));
  EXPECT_EQ(supervisor_.NextDecision(), now_ + absl::Seconds(10));
  now_ += absl::Seconds(11);
  EXPECT_THAT(supervisor_.Decide(now_).kill, ElementsAre(3));
  Die(3, Departure::kStart);
  EXPECT_EQ(supervisor_.departures(Departure::kStart), 1u);
}

TEST_F(SupervisorTest, TheLastReasonToReplaceAWorkerIsCounted) {
  Serve();
  supervisor_.Replace(1, Departure::kMemory);
  supervisor_.Replace();
  EXPECT_THAT(Started(), ElementsAre(3, 4));
  supervisor_.OnReady(3, now_);
  EXPECT_EQ(supervisor_.departures(Departure::kMemory), 0u);
  EXPECT_EQ(supervisor_.departures(Departure::kReload), 1u);
}

// One slot, in which worker after worker lives for a while.
class OneSlotTest : public ::testing::Test {
 protected:
  // The worker that is to be started now; 0: none.
  WorkerId Start() {
    const auto actions = supervisor_->Decide(now_);
    return actions.start.empty() ? 0 : actions.start[0].worker;
  }
  // One becomes ready at once and dies after `life`; the pause that follows.
  absl::Duration PauseAfter(absl::Duration life, bool expected = false) {
    now_ = std::max(now_, supervisor_->NextDecision());
    const WorkerId worker = Start();
    EXPECT_NE(worker, 0u);
    supervisor_->OnReady(worker, now_);
    now_ += life;
    supervisor_->OnGone(worker, Departure::kSignal, now_, expected);
    return supervisor_->NextDecision() - now_;
  }
  // As often as that one ends before it is ready.
  void FailToStart(int times) {
    for (int i = 0; i < times; ++i) {
      now_ = std::max(now_, supervisor_->NextDecision());
      supervisor_->OnGone(Start(), Departure::kExit, now_);
    }
  }

  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  std::optional<Supervisor> supervisor_{
      std::in_place,
      Supervisor::Options{.workers = 1, .start_timeout = absl::Seconds(10)}};
};

TEST_F(OneSlotTest, ALifeIsLongThatIsTenTimesThePauseAndATenthOfASecond) {
  supervisor_->Decide(now_);
  supervisor_->OnGone(1, Departure::kExit, now_);
  EXPECT_EQ(supervisor_->NextDecision() - now_, absl::Milliseconds(10));
  EXPECT_EQ(PauseAfter(absl::Milliseconds(200)), absl::ZeroDuration());
  EXPECT_EQ(PauseAfter(absl::Milliseconds(100)), absl::ZeroDuration());
  EXPECT_EQ(PauseAfter(absl::Milliseconds(99)), absl::Milliseconds(10));
  EXPECT_EQ(PauseAfter(absl::Milliseconds(199)), absl::Milliseconds(20));
  EXPECT_EQ(PauseAfter(absl::Milliseconds(299)), absl::Milliseconds(40));
  EXPECT_EQ(PauseAfter(absl::Milliseconds(500)), absl::ZeroDuration());
}

TEST_F(OneSlotTest, TheTimeThatAStartTakesIsNoLife) {
  const WorkerId worker = Start();
  now_ += absl::Seconds(9);
  supervisor_->OnGone(worker, Departure::kExit, now_);
  EXPECT_EQ(supervisor_->NextDecision() - now_, absl::Milliseconds(10));
  now_ = supervisor_->NextDecision();
  const WorkerId next = Start();
  now_ += absl::Seconds(9);
  supervisor_->OnReady(next, now_);
  now_ += absl::Milliseconds(50);
  supervisor_->OnGone(next, Departure::kExit, now_);
  EXPECT_EQ(supervisor_->NextDecision() - now_, absl::Milliseconds(20));
}

TEST_F(OneSlotTest, TenFailedStartsInTenSecondsAreNotHopelessYet) {
  for (const bool expected : {false, true}) {
    supervisor_.emplace(Supervisor::Options{.workers = 1});
    PauseAfter(absl::Seconds(1), expected);
    const absl::Time died = now_;
    FailToStart(9);
    EXPECT_FALSE(supervisor_->Hopeless(died + absl::Hours(1)));
    FailToStart(1);
    EXPECT_FALSE(supervisor_->Hopeless(died + absl::Seconds(10)));
    EXPECT_TRUE(
        supervisor_->Hopeless(died + absl::Seconds(10) + absl::Nanoseconds(1)));
  }
}

TEST_F(OneSlotTest, AStartThatSucceedsBringsHopeBack) {
  PauseAfter(absl::Seconds(1));
  FailToStart(9);
  PauseAfter(absl::Seconds(1));
  FailToStart(9);
  EXPECT_FALSE(supervisor_->Hopeless(now_ + absl::Hours(1)));
}

TEST_F(OneSlotTest, AFirstWorkerThatServesIsNoReasonForHopeOnceItIsGone) {
  FailToStart(2);
  EXPECT_FALSE(supervisor_->Hopeless(now_));
  PauseAfter(absl::Seconds(1));
  FailToStart(3);
  EXPECT_FALSE(supervisor_->Hopeless(now_)) << "one has served";
}

TEST_F(OneSlotTest, ThreeSuccessorsHaveToFailInARow) {
  EXPECT_FALSE(supervisor_->TakeAbandoned());
  const WorkerId first = Start();
  supervisor_->OnReady(first, now_);
  supervisor_->Replace(first, Departure::kMemory);
  FailToStart(2);
  EXPECT_FALSE(supervisor_->TakeAbandoned());
  now_ = supervisor_->NextDecision();
  const WorkerId second = Start();
  supervisor_->OnReady(second, now_);
  EXPECT_EQ(supervisor_->departures(Departure::kMemory), 1u);
  EXPECT_THAT(supervisor_->Decide(now_).retire, ElementsAre(first));
  supervisor_->Replace(second, Departure::kMemory);
  FailToStart(2);
  EXPECT_FALSE(supervisor_->TakeAbandoned());
  EXPECT_TRUE(supervisor_->replacing());
  FailToStart(1);
  EXPECT_TRUE(supervisor_->TakeAbandoned());
  EXPECT_FALSE(supervisor_->replacing());
  EXPECT_EQ(supervisor_->serving(), 1);
  // The next replacement has three attempts again.
  supervisor_->Replace(second, Departure::kMemory);
  FailToStart(2);
  EXPECT_FALSE(supervisor_->TakeAbandoned());
}

TEST_F(OneSlotTest, AReloadBeginsToCountAnew) {
  const WorkerId worker = Start();
  supervisor_->OnReady(worker, now_);
  supervisor_->Replace();
  FailToStart(2);
  supervisor_->Replace();
  FailToStart(2);
  EXPECT_FALSE(supervisor_->TakeAbandoned());
}

TEST_F(OneSlotTest, ThereIsOneSlotAtLeast) {
  supervisor_.emplace(Supervisor::Options{.workers = 0});
  EXPECT_EQ(Start(), 1u);
}

}  // namespace
}  // namespace msgproc::processor
