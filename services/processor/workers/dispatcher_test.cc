#include "services/processor/workers/dispatcher.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kFast = 100;
constexpr int64_t kSlow = 10'000'000;

class DispatcherTest : public ::testing::Test {
 protected:
  ~DispatcherTest() override { EXPECT_TRUE(dispatcher_->CheckInvariants()); }

  WorkItem* Enqueue(uint64_t messages, int64_t nanoseconds = kFast,
                    WorkerId ordered_on = 0, bool ordered = false) {
    WorkItem& item = deliveries_.emplace_back();
    item.messages = messages;
    item.bytes = messages * 64;
    item.message_nanoseconds = nanoseconds;
    item.ordered = ordered;
    item.worker = ordered_on;
    dispatcher_->Enqueue(&item, now_);
    return &item;
  }
  WorkItem* EnqueueOf(uint64_t session, uint64_t messages = 1,
                      int64_t nanoseconds = kFast) {
    WorkItem& item = deliveries_.emplace_back();
    item.session = session;
    item.messages = messages;
    item.bytes = messages * 64;
    item.message_nanoseconds = nanoseconds;
    dispatcher_->Enqueue(&item, now_);
    return &item;
  }
  WorkItem* EnqueueOrdered(uint64_t messages, WorkerId worker) {
    return Enqueue(messages, kFast, worker, true);
  }

  std::vector<Assignment> Flights() {
    std::vector<Assignment> in_flight;
    Assignment assignment;
    while (dispatcher_->NextAssignment(now_, &assignment)) {
      in_flight.push_back(assignment);
      EXPECT_TRUE(dispatcher_->CheckInvariants());
    }
    EXPECT_TRUE(dispatcher_->CheckInvariants());
    return in_flight;
  }
  std::vector<WorkerId> Destinations() {
    std::vector<WorkerId> workers;
    for (const auto& assignment : Flights())
      workers.push_back(assignment.worker);
    return workers;
  }
  std::vector<WorkItem*> Remove(WorkerId worker) {
    std::vector<WorkItem*> given_up;
    dispatcher_->RemoveWorker(worker, now_, 0, &given_up);
    EXPECT_TRUE(dispatcher_->CheckInvariants());
    return given_up;
  }
  void Use(const Dispatcher::Options& options) {
    dispatcher_ = std::make_unique<Dispatcher>(options);
  }

  std::unique_ptr<Dispatcher> dispatcher_ =
      std::make_unique<Dispatcher>(Dispatcher::Options());
  std::deque<WorkItem> deliveries_;
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(DispatcherTest, KeepsWhatComesBeforeAWorkerIsThere) {
  Enqueue(3);
  EXPECT_THAT(Flights(), IsEmpty());
  EXPECT_EQ(dispatcher_->waiting(), 3u);
  dispatcher_->AddWorker(1, now_);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EXPECT_EQ(dispatcher_->waiting(), 0u);
  EXPECT_EQ(dispatcher_->held(1), 3u);
}

TEST_F(DispatcherTest, GivesToTheWorkerWithTheLeastWork) {
  for (WorkerId worker : {1, 2, 3}) dispatcher_->AddWorker(worker, now_);
  Enqueue(30);
  Enqueue(10);
  Enqueue(20);
  EXPECT_THAT(Destinations(), ElementsAre(1, 2, 3));
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

TEST_F(DispatcherTest, KnowsHowMuchAWorkerHasAndHasHad) {
  dispatcher_->AddWorker(1, now_);
  Enqueue(3);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EXPECT_EQ(dispatcher_->held(1), 3u);
  EXPECT_EQ(dispatcher_->given(1), 3u);
  EXPECT_FALSE(dispatcher_->Idle(1));
  EXPECT_NE(dispatcher_->OnAnswered(1, 3, now_), nullptr);
  EXPECT_EQ(dispatcher_->held(1), 0u);
  EXPECT_EQ(dispatcher_->given(1), 3u);
  EXPECT_TRUE(dispatcher_->Idle(1));
  EXPECT_EQ(dispatcher_->held(2), 0u);
  EXPECT_EQ(dispatcher_->given(2), 0u);
  EXPECT_TRUE(dispatcher_->Idle(2));
}

TEST_F(DispatcherTest, NothingWaitsOnceAllThatDoesWasTaken) {
  dispatcher_->AddWorker(1, now_);
  Enqueue(3);
  EnqueueOrdered(2, 1);
  EXPECT_TRUE(dispatcher_->CheckInvariants());
  EXPECT_EQ(dispatcher_->TakeWaiting().size(), 2u);
  EXPECT_EQ(dispatcher_->waiting(), 0u);
  EXPECT_TRUE(dispatcher_->CheckInvariants());
  EXPECT_THAT(Flights(), IsEmpty());
  EXPECT_THAT(dispatcher_->TakeWaiting(), IsEmpty());
  Enqueue(1);
  EXPECT_EQ(dispatcher_->waiting(), 1u);
}

TEST_F(DispatcherTest, AWorkerThatIsNotThereHasNothing) {
  std::vector<WorkItem*> given_up;
  EXPECT_EQ(dispatcher_->RemoveWorker(7, now_, 0, &given_up), 0u);
  EXPECT_THAT(given_up, IsEmpty());
  dispatcher_->AddWorker(1, now_);
  Enqueue(3);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EXPECT_EQ(dispatcher_->RemoveWorker(1, now_, 0, &given_up), 3u);
}

TEST_F(DispatcherTest, AnAssignmentHasNoMoreThanSoManyItems) {
  dispatcher_->AddWorker(1, now_);
  for (int i = 0; i < 2; ++i) {
    Enqueue(1);
    EXPECT_THAT(Destinations(), ElementsAre(1));
  }
  for (int i = 0; i < 70; ++i) Enqueue(1);
  EXPECT_NE(dispatcher_->OnAnswered(1, 1, now_), nullptr);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts.size(), 64u);
}

TEST_F(DispatcherTest, AnAssignmentHasNoMoreThanSoManyBytes) {
  dispatcher_->AddWorker(1, now_);
  for (int i = 0; i < 2; ++i) {
    Enqueue(1);
    EXPECT_THAT(Destinations(), ElementsAre(1));
  }
  // Each has 64 bytes a message.
  for (int i = 0; i < 4; ++i) Enqueue(1600, /*nanoseconds=*/1);
  EXPECT_NE(dispatcher_->OnAnswered(1, 1, now_), nullptr);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts.size(), 2u);
}

TEST_F(DispatcherTest, WhatWasBoundToAWorkerThatRetiresKeepsItsOrder) {
  dispatcher_->AddWorker(1, now_);
  std::vector<WorkItem*> bound;
  for (int i = 0; i < 3; ++i) bound.push_back(EnqueueOrdered(1, 1));
  dispatcher_->RetireWorker(1, now_);
  EXPECT_TRUE(dispatcher_->CheckInvariants());
  dispatcher_->AddWorker(2, now_);
  std::vector<WorkItem*> given;
  for (const Assignment& assignment : Flights()) {
    for (const Assignment::Part& part : assignment.parts) {
      given.push_back(part.item);
    }
  }
  EXPECT_EQ(given, bound);
}

TEST_F(DispatcherTest, AWorkerIsLateFromWhenItWasGivenSomething) {
  dispatcher_->AddWorker(1, now_);
  now_ += absl::Hours(1);
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  now_ += absl::Milliseconds(20);
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
}

TEST_F(DispatcherTest, ASecondAssignmentGoesToAWorkerThatIsDoneInAMillisecond) {
  dispatcher_->AddWorker(1, now_);
  Enqueue(1, 1'000'000);
  Enqueue(1, 1'000'000);
  EXPECT_THAT(Destinations(), ElementsAre(1, 1));
  dispatcher_->AddWorker(2, now_);
  Enqueue(1, 1'000'001);
  Enqueue(1, 1'000'001);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

TEST_F(DispatcherTest, AMessageOfWhichNothingIsKnownCountsAsSlow) {
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  Enqueue(1, /*nanoseconds=*/0);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  Enqueue(100);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

TEST_F(DispatcherTest, LetsWhatWaitsTravelTogetherOnceAWorkerHoldsTwoFlights) {
  dispatcher_->AddWorker(1, now_);
  for (int i = 0; i < 2; ++i) {
    Enqueue(10);
    EXPECT_THAT(Destinations(), ElementsAre(1));
  }
  for (int i = 0; i < 5; ++i) {
    Enqueue(10);
    EXPECT_THAT(Flights(), IsEmpty());
  }
  EXPECT_NE(dispatcher_->OnAnswered(1, 10, now_), nullptr);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts.size(), 5u);
}

TEST_F(DispatcherTest, SpreadsWhatWaitedOverWorkersThatAreFree) {
  for (int i = 0; i < 3; ++i) Enqueue(10);
  for (WorkerId worker : {1, 2, 3}) dispatcher_->AddWorker(worker, now_);
  EXPECT_THAT(Destinations(), ElementsAre(1, 2, 3));
}

TEST_F(DispatcherTest, PutsNothingBehindASlowMessage) {
  dispatcher_->AddWorker(1, now_);
  Enqueue(1, kSlow);
  Enqueue(1, kSlow);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  dispatcher_->AddWorker(2, now_);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

TEST_F(DispatcherTest, PutsAFlightBehindOneThatIsAboutToEnd) {
  dispatcher_->AddWorker(1, now_);
  Enqueue(1, 900'000);
  Enqueue(1, 900'000);
  Enqueue(1, 900'000);
  EXPECT_THAT(Destinations(), ElementsAre(1, 1));
}

TEST_F(DispatcherTest, CutsAFlightByTheWorkInIt) {
  dispatcher_->AddWorker(1, now_);
  for (int i = 0; i < 6; ++i) Enqueue(1, 100'000);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 2u);
  EXPECT_EQ(in_flight[0].parts.size(), 2u);
  EXPECT_EQ(in_flight[1].parts.size(), 2u);
}

TEST_F(DispatcherTest, CompletesADeliveryThatIsAnsweredInParts) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* item = Enqueue(3);
  Flights();
  EXPECT_EQ(dispatcher_->OnAnswered(1, 2, now_), nullptr);
  EXPECT_EQ(dispatcher_->held(1), 1u);
  EXPECT_EQ(dispatcher_->OnAnswered(1, 1, now_), item);
  EXPECT_TRUE(dispatcher_->Empty());
}

TEST_F(DispatcherTest, GivesNothingToAWorkerThatRetires) {
  dispatcher_->AddWorker(1, now_);
  dispatcher_->AddWorker(2, now_);
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  dispatcher_->RetireWorker(1, now_);
  EXPECT_FALSE(dispatcher_->Idle(1));
  Enqueue(1);
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  dispatcher_->OnAnswered(1, 1, now_);
  EXPECT_TRUE(dispatcher_->Idle(1));
}

TEST_F(DispatcherTest, KeepsAnOrderedSessionOnItsWorker) {
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  const WorkItem* first = EnqueueOrdered(5, 0);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EXPECT_EQ(first->worker, 1u);
  Enqueue(1000);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  Enqueue(1000);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  // Worker 1 has no room, worker 2 has: it waits all the same.
  EnqueueOrdered(5, 1);
  EXPECT_THAT(Flights(), IsEmpty());
  dispatcher_->OnAnswered(1, 5, now_);
  EXPECT_THAT(Destinations(), ElementsAre(1));
}

TEST_F(DispatcherTest, SpreadsOrderedSessionsThatBeginInQuietTimes) {
  for (WorkerId worker : {1, 2, 3}) dispatcher_->AddWorker(worker, now_);
  std::set<WorkerId> workers;
  for (int i = 0; i < 3; ++i) {
    workers.insert(EnqueueOrdered(1, 0)->worker);
    Flights();
    workers.insert(deliveries_.back().worker);
    dispatcher_->OnAnswered(deliveries_.back().worker, 1, now_);
  }
  workers.erase(0);
  EXPECT_THAT(workers, ElementsAre(1, 2, 3));
}

TEST_F(DispatcherTest, MovesAnOrderedSessionWhenItsWorkerRetiresOrDies) {
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  for (int i = 0; i < 3; ++i) {
    Enqueue(1000);
    Flights();
  }
  WorkItem* waiting = EnqueueOrdered(5, 1);
  EXPECT_THAT(Flights(), IsEmpty());
  dispatcher_->RetireWorker(1, now_);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  EXPECT_EQ(waiting->worker, 2u);
  const WorkItem* next = EnqueueOrdered(5, 1);
  EXPECT_THAT(Flights(), IsEmpty());
  dispatcher_->OnAnswered(2, 1000, now_);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  EXPECT_EQ(next->worker, 2u);
}

TEST_F(DispatcherTest, SendsWhatADeadWorkerHeldApartAndOnAWorkerOfItsOwn) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* item = Enqueue(100);
  Flights();
  dispatcher_->OnAnswered(1, 10, now_);
  EXPECT_THAT(Remove(1), IsEmpty());
  EXPECT_EQ(dispatcher_->waiting(), 90u);
  dispatcher_->AddWorker(2, now_);
  Enqueue(5);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  ASSERT_EQ(in_flight[0].parts.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].item, item);
  EXPECT_EQ(in_flight[0].parts[0].messages, 64u);
  EXPECT_TRUE(in_flight[0].parts[0].one_at_a_time);
}

TEST_F(DispatcherTest, TriesTheCulpritAloneTheLastTimeAndThenGivesItUp) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* item = Enqueue(5);
  Flights();
  EXPECT_THAT(Remove(1), IsEmpty());
  dispatcher_->AddWorker(2, now_);
  Flights();
  dispatcher_->OnAnswered(2, 2, now_);  // The third is the culprit.
  EXPECT_THAT(Remove(2), IsEmpty());
  dispatcher_->AddWorker(3, now_);
  auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].messages, 1u);
  EXPECT_THAT(Remove(3), ElementsAre(item));
  EXPECT_EQ(item->attempts, 3);
  EXPECT_FALSE(dispatcher_->GiveUp(item));
  dispatcher_->AddWorker(4, now_);
  in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].messages, 2u);
  EXPECT_EQ(dispatcher_->OnAnswered(4, 2, now_), item);
}

TEST_F(DispatcherTest, DeathsThatAnotherProcessorHasSeenCount) {
  dispatcher_->AddWorker(1, now_);
  WorkItem& item = deliveries_.emplace_back();
  item.messages = 3;
  item.attempts = item.attempts_behind = 1;
  item.earlier_tries = 2;
  dispatcher_->Enqueue(&item, now_);
  // A suspect from the beginning.
  auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_TRUE(in_flight[0].parts[0].one_at_a_time);
  EXPECT_EQ(in_flight[0].parts[0].messages, 3u);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 4);
  EXPECT_EQ(in_flight[0].parts[0].attempt_behind, 4);
  // The one that was tried twice here and there has a last try, alone.
  EXPECT_THAT(Remove(1), IsEmpty());
  dispatcher_->AddWorker(2, now_);
  in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].messages, 1u);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 5);
  EXPECT_THAT(Remove(2), ElementsAre(&item));
  EXPECT_EQ(item.attempts, 3);
  EXPECT_FALSE(dispatcher_->GiveUp(&item));
  EXPECT_EQ(item.attempts, 1);
}

TEST_F(DispatcherTest, WhateverOthersHaveSeenThereIsOneTryMore) {
  dispatcher_->AddWorker(1, now_);
  WorkItem& item = deliveries_.emplace_back();
  item.messages = 2;
  item.attempts = item.attempts_behind = 17;
  dispatcher_->Enqueue(&item, now_);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].messages, 1u);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 3);
  EXPECT_EQ(dispatcher_->OnAnswered(1, 1, now_), nullptr);
  EXPECT_EQ(Flights().size(), 1u);
  EXPECT_THAT(Remove(1), ElementsAre(&item));
  EXPECT_TRUE(dispatcher_->GiveUp(&item));
}

TEST_F(DispatcherTest, EarlierTriesAloneMakeNoSuspect) {
  dispatcher_->AddWorker(1, now_);
  WorkItem& item = deliveries_.emplace_back();
  item.messages = 3;
  item.earlier_tries = 9;
  dispatcher_->Enqueue(&item, now_);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_FALSE(in_flight[0].parts[0].one_at_a_time);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 10);
}

TEST_F(DispatcherTest, CountsTheWorkersThatMayHaveBegunWithAMessage) {
  dispatcher_->AddWorker(1, now_);
  // The second waits where no worker has it.
  Enqueue(4, kSlow);
  WorkItem* behind = Enqueue(1, kSlow);
  auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 1);
  EXPECT_EQ(in_flight[0].parts[0].attempt_behind, 1);
  // Any of them may be the one it died over.
  Remove(1);
  dispatcher_->AddWorker(2, now_);
  in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 2);
  EXPECT_EQ(in_flight[0].parts[0].attempt_behind, 2);
  // Now it is known: the second, which the first answer set free to begin.
  dispatcher_->OnAnswered(2, 1, now_);
  Remove(2);
  dispatcher_->AddWorker(3, now_);
  in_flight = Flights();
  EXPECT_EQ(in_flight[0].parts[0].attempt, 3);
  EXPECT_EQ(in_flight[0].parts[0].attempt_behind, 2);
  dispatcher_->OnAnswered(3, 1, now_);
  in_flight = Flights();
  EXPECT_EQ(in_flight[0].parts[0].attempt, 2);
  dispatcher_->OnAnswered(3, 2, now_);
  in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].item, behind);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 1);
}

TEST_F(DispatcherTest, WhatNeverReachedADeadWorkerWasNotTried) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* written = EnqueueOf(1, 3);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  WorkItem* unwritten = EnqueueOf(2, 4);
  WorkItem* next = EnqueueOf(2, 1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  std::vector<WorkItem*> given_up;
  EXPECT_EQ(dispatcher_->RemoveWorker(1, now_, 5, &given_up), 8u);
  EXPECT_EQ(dispatcher_->waiting(), 8u);
  EXPECT_EQ(written->attempts, 1);
  EXPECT_EQ(unwritten->attempts, 0);
  EXPECT_EQ(next->attempts, 0);
  for (const WorkerId worker : {2, 3}) dispatcher_->AddWorker(worker, now_);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 2u);
  EXPECT_EQ(in_flight[0].parts[0].item, written);
  EXPECT_EQ(in_flight[0].parts[0].attempt, 2);
  // In the order in which it came, and as if nothing had been.
  ASSERT_EQ(in_flight[1].parts.size(), 2u);
  EXPECT_EQ(in_flight[1].parts[0].item, unwritten);
  EXPECT_EQ(in_flight[1].parts[0].attempt, 1);
  EXPECT_FALSE(in_flight[1].parts[0].one_at_a_time);
  EXPECT_EQ(in_flight[1].parts[1].item, next);
  EXPECT_FALSE(dispatcher_->HoldsSuspects(in_flight[1].worker));
}

TEST_F(DispatcherTest, WhatReachedADeadWorkerInPartWasTried) {
  dispatcher_->AddWorker(1, now_);
  const WorkItem* older = EnqueueOf(1, 1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  const WorkItem* item = EnqueueOf(2, 4);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  std::vector<WorkItem*> given_up;
  dispatcher_->RemoveWorker(1, now_, 3, &given_up);
  EXPECT_EQ(item->attempts, 1);
  EXPECT_EQ(older->attempts, 1);
}

TEST_F(DispatcherTest, TheLastAttemptIsNotLostOnAWorkerThatDidNotGetIt) {
  Use({.max_attempts = 1});
  dispatcher_->AddWorker(1, now_);
  WorkItem* item = Enqueue(2);
  Enqueue(1);
  EXPECT_EQ(Flights().size(), 1u);
  std::vector<WorkItem*> given_up;
  // One travels, as it may be the culprit; the others wait.
  EXPECT_EQ(dispatcher_->RemoveWorker(1, now_, 1, &given_up), 1u);
  EXPECT_THAT(given_up, IsEmpty());
  EXPECT_EQ(dispatcher_->waiting(), 3u);
  dispatcher_->AddWorker(2, now_);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].item, item);
  EXPECT_TRUE(in_flight[0].parts[0].one_at_a_time);
  EXPECT_THAT(Remove(2), ElementsAre(item));
}

TEST_F(DispatcherTest, KnowsWhatAWorkerHasOfASession) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* mine = EnqueueOf(1);
  EnqueueOf(2);
  EXPECT_THAT(dispatcher_->HeldOf(1, 1), IsEmpty());
  Flights();
  EXPECT_THAT(dispatcher_->HeldOf(1, 1), ElementsAre(mine));
  EXPECT_THAT(dispatcher_->HeldOf(1, 3), IsEmpty());
  EXPECT_THAT(dispatcher_->HeldOf(7, 1), IsEmpty());
}

TEST_F(DispatcherTest, LetsEveryMessageTravelAloneWhereOneAttemptIsAll) {
  Use({.max_attempts = 1});
  dispatcher_->AddWorker(1, now_);
  WorkItem* item = Enqueue(2);
  EXPECT_EQ(Flights()[0].parts[0].messages, 1u);
  EXPECT_THAT(Remove(1), ElementsAre(item));
  EXPECT_FALSE(dispatcher_->GiveUp(item));
  dispatcher_->AddWorker(2, now_);
  EXPECT_EQ(Flights()[0].parts[0].messages, 1u);
  EXPECT_EQ(dispatcher_->OnAnswered(2, 1, now_), item);
}

TEST_F(DispatcherTest, ReservesAWorkerForASuspectWhileTheOthersGoOn) {
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  WorkItem* suspect = EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EnqueueOf(2, 20);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  dispatcher_->RetireWorker(2, now_);
  for (WorkerId worker : {3, 4}) dispatcher_->AddWorker(worker, now_);
  EnqueueOf(3, 10);
  EnqueueOf(2, 20);
  EXPECT_THAT(Destinations(), ElementsAre(3, 4));
  Remove(1);
  EXPECT_THAT(Flights(), IsEmpty());
  // Worker 3 has less to do, and is kept free.
  EnqueueOf(4);
  EXPECT_THAT(Destinations(), ElementsAre(4));
  dispatcher_->OnAnswered(3, 10, now_);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].worker, 3u);
  EXPECT_EQ(in_flight[0].parts[0].item, suspect);
  EXPECT_EQ(dispatcher_->OnAnswered(3, 1, now_), suspect);
  EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(3));
}

TEST_F(DispatcherTest, ForgetsDeathsOverAMessageOnceItIsAnswered) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* item = Enqueue(3);
  for (WorkerId worker : {1, 2}) {
    Flights();
    EXPECT_THAT(Remove(worker), IsEmpty());
    dispatcher_->AddWorker(worker + 1, now_);
  }
  EXPECT_EQ(Flights()[0].parts[0].messages, 1u);
  dispatcher_->OnAnswered(3, 1, now_);
  EXPECT_EQ(item->attempts, 1);
  // The next one has had one death, and need not be quite alone.
  EXPECT_EQ(Flights()[0].parts[0].messages, 2u);
  EXPECT_THAT(Remove(3), IsEmpty());
}

TEST_F(DispatcherTest, KeepsTheOrderOfWhatADeadWorkerHeld) {
  dispatcher_->AddWorker(1, now_);
  std::vector<WorkItem*> items = {Enqueue(10)};
  Flights();
  for (int i = 0; i < 3; ++i) items.push_back(Enqueue(10));
  EXPECT_EQ(Flights()[0].parts.size(), 3u);
  Remove(1);
  dispatcher_->AddWorker(2, now_);
  for (const WorkItem* item : items) {
    const auto in_flight = Flights();
    ASSERT_EQ(in_flight.size(), 1u);
    EXPECT_EQ(in_flight[0].parts[0].item, item);
    EXPECT_EQ(dispatcher_->OnAnswered(2, 10, now_), item);
  }
}

TEST_F(DispatcherTest, LendsHalfOfTheWorkersToSuspectsAtMost) {
  for (const size_t workers : {2, 3, 4, 5, 8}) {
    Use({.workers = static_cast<int>(workers)});
    for (WorkerId id = 1; id <= workers; ++id) {
      dispatcher_->AddWorker(id, now_);
    }
    EnqueueOf(1);
    EXPECT_THAT(Destinations(), ElementsAre(1));
    EXPECT_NE(dispatcher_->OnAnswered(1, 1, now_), nullptr);
    for (size_t i = 0; i < 2 * workers; ++i) EnqueueOf(2, 1, kSlow);
    const std::vector<WorkerId> first = Destinations();
    EXPECT_EQ(first.size(), (workers + 1) / 2);
    WorkerId next = 100;
    for (const WorkerId id : first) {
      EXPECT_FALSE(dispatcher_->HoldsSuspects(id));
      EXPECT_THAT(Remove(id), IsEmpty());
      dispatcher_->AddWorker(next++, now_);
    }
    const std::vector<WorkerId> quarantined = Destinations();
    EXPECT_EQ(quarantined.size(), workers / 2) << workers;
    for (const WorkerId id : quarantined)
      EXPECT_TRUE(dispatcher_->HoldsSuspects(id));
    // Others have the rest.
    for (size_t i = 0; i < workers; ++i) EnqueueOf(3 + i);
    for (const WorkerId id : Destinations()) {
      EXPECT_FALSE(dispatcher_->HoldsSuspects(id));
    }
  }
}

TEST_F(DispatcherTest, LetsTheOnlyWorkerAlternate) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* suspect = EnqueueOf(2);
  Flights();
  Remove(1);
  dispatcher_->AddWorker(2, now_);
  WorkItem* other = EnqueueOf(1, 1, kSlow);
  for (int round = 0; round < 2; ++round) {
    auto in_flight = Flights();
    ASSERT_EQ(in_flight.size(), 1u);
    EXPECT_EQ(in_flight[0].parts[0].item, suspect);
    Remove(2 + static_cast<WorkerId>(round));
    dispatcher_->AddWorker(3 + static_cast<WorkerId>(round), now_);
    if (round == 1) break;
    in_flight = Flights();
    ASSERT_EQ(in_flight.size(), 1u);
    EXPECT_EQ(in_flight[0].parts[0].item, other);
    EXPECT_EQ(dispatcher_->OnAnswered(3, 1, now_), other);
    other = EnqueueOf(1, 1, kSlow);
  }
}

TEST_F(DispatcherTest, KeepsTheLastWorkerOfSeveralFromSuspectsForAWhile) {
  Use({.workers = 2});
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  EnqueueOf(1);
  EXPECT_EQ(Destinations(), std::vector<WorkerId>{1});
  dispatcher_->OnAnswered(1, 1, now_);
  EnqueueOf(2);
  EXPECT_EQ(Destinations(), std::vector<WorkerId>{1});
  Remove(1);
  EXPECT_THAT(Flights(), IsEmpty());
  EXPECT_EQ(dispatcher_->NextDecision(now_), now_ + Dispatcher::kAlone);
  now_ += Dispatcher::kAlone;
  EXPECT_EQ(dispatcher_->NextDecision(now_), absl::InfiniteFuture());
  EXPECT_EQ(Destinations(), std::vector<WorkerId>{2});
}

TEST_F(DispatcherTest, KeepsASessionOverWhichWorkersDieFromOthersWorkers) {
  Use({.workers = 2});
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  EnqueueOf(1, 1000);
  Destinations();
  WorkItem* suspect = EnqueueOf(2);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  Remove(2);
  dispatcher_->AddWorker(3, now_);
  EXPECT_THAT(Destinations(), ElementsAre(3));
  Remove(3);  // Over it alone.
  dispatcher_->AddWorker(4, now_);
  EXPECT_THAT(Destinations(), ElementsAre(4));
  EXPECT_EQ(dispatcher_->OnAnswered(4, 1, now_), suspect);
  // It is watched for a while: nothing of it beside others, or the reverse.
  EnqueueOf(2, 10);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].worker, 4u);
  EXPECT_FALSE(in_flight[0].parts[0].one_at_a_time);
  EXPECT_TRUE(dispatcher_->HoldsSuspects(4));
  EnqueueOf(3);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  dispatcher_->OnAnswered(4, 10, now_);
  now_ += SessionLedger::kWatch;
  EnqueueOf(2, 10);
  EXPECT_THAT(Destinations(), ElementsAre(4));
  EXPECT_FALSE(dispatcher_->HoldsSuspects(4));
}

TEST_F(DispatcherTest, SlowsASessionThatKillsManyWorkers) {
  Use({.max_attempts = 1000});
  EnqueueOf(1);
  std::vector<absl::Duration> pauses;
  for (WorkerId worker = 1; worker <= 20; ++worker) {
    dispatcher_->AddWorker(worker, now_);
    const absl::Time before = now_;
    while (Destinations().empty()) {
      now_ = dispatcher_->NextDecision(now_);
      ASSERT_LT(now_, absl::InfiniteFuture());
    }
    pauses.push_back(now_ - before);
    Remove(worker);
  }
  EXPECT_TRUE(std::is_sorted(pauses.begin(), pauses.end()));
  EXPECT_EQ(pauses[SessionLedger::kFreeDeaths], absl::ZeroDuration());
  EXPECT_GT(pauses[SessionLedger::kFreeDeaths + 2], absl::ZeroDuration());
  EXPECT_EQ(pauses.back(), absl::Seconds(1));
}

TEST_F(DispatcherTest, SessionsTakeTurns) {
  dispatcher_->AddWorker(1, now_);
  EnqueueOf(1, 1, kSlow);
  EnqueueOf(1, 1, kSlow);
  EnqueueOf(1, 1, kSlow);
  EnqueueOf(2, 1, kSlow);
  std::vector<uint64_t> sessions;
  while (!dispatcher_->Empty()) {
    for (const auto& assignment : Flights()) {
      sessions.push_back(assignment.parts[0].item->session);
    }
    dispatcher_->OnAnswered(1, 1, now_);
  }
  EXPECT_THAT(sessions, ElementsAre(1, 2, 1, 1));
}

TEST_F(DispatcherTest, ASessionHasHalfOfTheWorkersWhileOthersAreThere) {
  for (WorkerId worker : {1, 2, 3, 4}) dispatcher_->AddWorker(worker, now_);
  for (int i = 0; i < 9; ++i) EnqueueOf(1, 1, kSlow);
  EXPECT_THAT(Destinations(), ElementsAre(1, 2, 3, 4));
  EnqueueOf(2, 1, kSlow);
  for (WorkerId worker : {1, 2, 3, 4}) dispatcher_->OnAnswered(worker, 1, now_);
  EXPECT_EQ(Destinations().size(), 3u);
  EXPECT_EQ(dispatcher_->waiting(), 3u);
  now_ += absl::Minutes(1);
  for (WorkerId worker : {1, 2, 3, 4}) {
    if (!dispatcher_->Idle(worker)) dispatcher_->OnAnswered(worker, 1, now_);
  }
  dispatcher_->Tidy(now_ + absl::Minutes(1));
  EXPECT_EQ(Destinations().size(), 3u);
}

TEST_F(DispatcherTest, PutsNothingBehindAMessageThatIsLate) {
  dispatcher_->AddWorker(1, now_);
  EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EnqueueOf(2);
  now_ += absl::Milliseconds(21);
  EXPECT_THAT(Flights(), IsEmpty());
  dispatcher_->OnAnswered(1, 1, now_);
  EXPECT_THAT(Destinations(), ElementsAre(1));
}

TEST_F(DispatcherTest, SkipsWhatNobodyWaitsForAnyMore) {
  std::set<const WorkItem*> unwanted;
  Use({.wanted = [&](const WorkItem& item) {
    return unwanted.count(&item) == 0;
  }});
  dispatcher_->AddWorker(1, now_);
  WorkItem* suspect = EnqueueOf(1, 5);
  Flights();
  Remove(1);
  WorkItem* plain = EnqueueOf(2, 3);
  WorkItem* bound = EnqueueOrdered(2, 2);
  const WorkItem* wanted = EnqueueOf(3, 1);
  unwanted = {suspect, plain, bound};
  EXPECT_EQ(dispatcher_->waiting(), 11u);
  dispatcher_->AddWorker(2, now_);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  ASSERT_EQ(in_flight[0].parts.size(), 1u);
  EXPECT_EQ(in_flight[0].parts[0].item, wanted);
  EXPECT_EQ(dispatcher_->waiting(), 0u);
  EXPECT_THAT(dispatcher_->TakeUnwanted(),
              ::testing::UnorderedElementsAre(suspect, plain, bound));
  EXPECT_THAT(dispatcher_->TakeUnwanted(), IsEmpty());
}

TEST_F(DispatcherTest, WhatNobodyWaitsForIsNoSuspectAnyMore) {
  bool wanted = true;
  Use({.wanted = [&](const WorkItem&) { return wanted; }});
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  WorkItem* suspect = EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  Remove(1);
  dispatcher_->AddWorker(3, now_);
  wanted = false;
  EXPECT_THAT(Flights(), IsEmpty());
  EXPECT_THAT(dispatcher_->TakeUnwanted(), ElementsAre(suspect));
  EXPECT_FALSE(suspect->suspect);
  // Its session is watched for having killed a worker alone, and then is not.
  wanted = true;
  now_ += SessionLedger::kWatch;
  EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  EXPECT_FALSE(dispatcher_->HoldsSuspects(2));
}

TEST_F(DispatcherTest, WhatIsTakenOutIsNoSuspectAnyMore) {
  dispatcher_->AddWorker(1, now_);
  WorkItem* suspect = EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  Remove(1);
  EXPECT_THAT(dispatcher_->TakeWaiting(), ElementsAre(suspect));
  EXPECT_FALSE(suspect->suspect);
}

TEST_F(DispatcherTest, WhatHasWaitedLongestIsNextBoundToAWorkerOrNot) {
  dispatcher_->AddWorker(1, now_);
  for (int i = 0; i < 2; ++i) {
    EnqueueOf(7);
    EXPECT_THAT(Destinations(), ElementsAre(1));
  }
  std::vector<WorkItem*> items;
  items.push_back(EnqueueOf(1));
  items.push_back(EnqueueOrdered(1, 1));
  items.push_back(EnqueueOf(2));
  items.push_back(EnqueueOrdered(1, 1));
  EXPECT_NE(dispatcher_->OnAnswered(1, 1, now_), nullptr);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  std::vector<WorkItem*> given;
  for (const auto& part : in_flight[0].parts) given.push_back(part.item);
  EXPECT_EQ(given, items);
}

TEST_F(DispatcherTest, SpreadsOrderedSessionsByHowManyBeganOnEach) {
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  std::vector<WorkerId> workers;
  for (int i = 0; i < 4; ++i) {
    EnqueueOrdered(1, 0);
    Flights();
    workers.push_back(deliveries_.back().worker);
    dispatcher_->OnAnswered(workers.back(), 1, now_);
  }
  EXPECT_THAT(workers, ElementsAre(1, 2, 1, 2));
}

TEST_F(DispatcherTest, WhatMayNotGoElsewhereTravelsTogether) {
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EnqueueOf(2);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  EXPECT_NE(dispatcher_->OnAnswered(2, 1, now_), nullptr);
  // Worker 2 is idle, and the half that the second session leaves is one.
  EnqueueOf(1);
  EnqueueOf(1);
  const auto in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].worker, 1u);
  EXPECT_EQ(in_flight[0].parts.size(), 2u);
}

TEST_F(DispatcherTest, AnAssignmentIsFullAtItsBoundAndNotBefore) {
  for (const auto& [nanoseconds, bytes] :
       {std::pair(int64_t{125'000}, size_t{1}),
        std::pair(int64_t{1}, size_t{128 << 10})}) {
    Use({});
    for (int i = 0; i < 3; ++i) {
      Enqueue(1, nanoseconds)->bytes = bytes;
    }
    dispatcher_->AddWorker(1, now_);
    const auto in_flight = Flights();
    ASSERT_EQ(in_flight.size(), 2u);
    EXPECT_EQ(in_flight[0].parts.size(), 2u);
    EXPECT_EQ(in_flight[1].parts.size(), 1u);
  }
}

TEST_F(DispatcherTest, AnIsolatedSessionsAssignmentsHaveTheSameBounds) {
  Use({.workers = 2});
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  Remove(1);
  dispatcher_->AddWorker(3, now_);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  Remove(2);  // Over it alone.
  dispatcher_->AddWorker(4, now_);
  EXPECT_THAT(Destinations(), ElementsAre(3));
  EXPECT_NE(dispatcher_->OnAnswered(3, 1, now_), nullptr);
  for (int i = 0; i < 70; ++i) EnqueueOf(1);
  auto in_flight = Flights();
  // Nobody else is there: it has both workers.
  ASSERT_EQ(in_flight.size(), 2u);
  EXPECT_EQ(in_flight[0].parts.size(), 64u);
  EXPECT_EQ(in_flight[1].parts.size(), 6u);
  EXPECT_TRUE(dispatcher_->HoldsSuspects(in_flight[0].worker));
  for (int i = 0; i < 64; ++i) {
    dispatcher_->OnAnswered(in_flight[0].worker, 1, now_);
  }
  // Each has 64 bytes a message.
  for (int i = 0; i < 4; ++i) EnqueueOf(1, 1600, /*nanoseconds=*/1);
  in_flight = Flights();
  ASSERT_EQ(in_flight.size(), 1u);
  EXPECT_EQ(in_flight[0].parts.size(), 2u);
}

TEST_F(DispatcherTest, SessionsWhoseMessagesTravelAloneTakeTurns) {
  Use({.max_attempts = 1});
  std::vector<WorkItem*> items = {EnqueueOf(1), EnqueueOf(1), EnqueueOf(1),
                                  EnqueueOf(2), EnqueueOf(2), EnqueueOf(2)};
  dispatcher_->AddWorker(1, now_);
  std::vector<WorkItem*> given;
  while (!dispatcher_->Empty()) {
    for (const auto& assignment : Flights()) {
      given.push_back(assignment.parts[0].item);
    }
    ASSERT_NE(dispatcher_->OnAnswered(1, 1, now_), nullptr);
  }
  EXPECT_THAT(given, ElementsAre(items[0], items[3], items[1], items[4],
                                 items[2], items[5]));
}

TEST_F(DispatcherTest, MessagesThatTravelAloneHaveHalfOfTheWorkers) {
  Use({.workers = 4, .max_attempts = 1});
  for (WorkerId worker : {1, 2, 3, 4}) dispatcher_->AddWorker(worker, now_);
  EnqueueOf(2);
  EXPECT_EQ(Destinations().size(), 1u);
  for (int i = 0; i < 4; ++i) EnqueueOf(1);
  EXPECT_EQ(Destinations().size(), 2u);
  EXPECT_EQ(dispatcher_->waiting(), 2u);
}

TEST_F(DispatcherTest, TheOnlyWorkerThatThereShouldBeTakesSuspectsAtOnce) {
  Use({.workers = 1});
  // It is being replaced.
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
  EnqueueOf(2);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EnqueueOf(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  EXPECT_NE(dispatcher_->OnAnswered(2, 1, now_), nullptr);
  Remove(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

// While it does, others' share is theirs.
TEST_F(DispatcherTest, ASessionCountsForAWhileAfterItsLastMessageOrAnswer) {
  const auto given_to_the_other = [this] {
    for (int i = 0; i < 4; ++i) EnqueueOf(1, 1, kSlow);
    return Destinations().size();
  };
  for (const bool answered_late : {false, true}) {
    Use({});
    for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker, now_);
    EnqueueOf(2);
    EXPECT_THAT(Destinations(), ElementsAre(1));
    if (answered_late) now_ += absl::Minutes(1);
    EXPECT_NE(dispatcher_->OnAnswered(1, 1, now_), nullptr);
    EXPECT_THAT(Flights(), IsEmpty());
    dispatcher_->Tidy(now_ + absl::Seconds(10));
    EXPECT_EQ(given_to_the_other(), 1u);
  }
}

TEST_F(DispatcherTest, NamesAWorkerThatIsSilentOverAMessage) {
  Use({.message_timeout = absl::Seconds(1)});
  dispatcher_->AddWorker(1, now_);
  now_ += absl::Seconds(10);
  EXPECT_THAT(dispatcher_->Overdue(now_), IsEmpty());
  Enqueue(2);
  Flights();
  now_ += absl::Milliseconds(900);
  dispatcher_->OnAnswered(1, 1, now_);
  now_ += absl::Milliseconds(900);
  EXPECT_THAT(dispatcher_->Overdue(now_), IsEmpty());
  now_ += absl::Milliseconds(200);
  EXPECT_THAT(dispatcher_->Overdue(now_), ElementsAre(1));
}

}  // namespace
}  // namespace msgproc::processor
