#include "services/processor/workers/dispatcher.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
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
    while (dispatcher_->NextAssignment(now_, &assignment))
      in_flight.push_back(assignment);
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
    dispatcher_->RemoveWorker(worker, now_, &given_up);
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
  Enqueue(3);
  EnqueueOrdered(2, 0);
  EXPECT_EQ(dispatcher_->TakeWaiting().size(), 2u);
  EXPECT_EQ(dispatcher_->waiting(), 0u);
  EXPECT_THAT(dispatcher_->TakeWaiting(), IsEmpty());
  Enqueue(1);
  EXPECT_EQ(dispatcher_->waiting(), 1u);
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
  EnqueueOf(2);
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

// A world of workers that die at random, and of messages that kill them.
class World {
 public:
  World(uint32_t seed, int max_attempts)
      : random_(seed),
        max_attempts_(max_attempts),
        dispatcher_({.workers = 4, .max_attempts = max_attempts}) {}

  void Run(bool random_deaths) {
    for (int i = 0; i < 4; ++i) AddWorker();
    for (int step = 0; step < 3000; ++step) {
      const uint32_t dice = random_() % 100;
      if (dice < 30) {
        Send();
      } else if (dice < 90) {
        Work();
      } else if (dice < 93 && random_deaths) {
        Die(Random(&workers_)->first);
      } else if (dice < 96) {
        Retire();
      }
      Fly();
      if (::testing::Test::HasFatalFailure()) return;
    }
    for (int step = 0; step < 1'000'000 && !dispatcher_.Empty(); ++step) {
      Work();
      Fly();
      if (::testing::Test::HasFatalFailure()) return;
    }
    ASSERT_TRUE(dispatcher_.Empty());
    for (const auto& session : sessions_) {
      EXPECT_EQ(session->out, nullptr);
    }
  }

  int deaths() const { return deaths_; }
  int poison() const { return poison_; }
  int given_up() const { return given_up_; }

 private:
  struct Held {
    WorkItem* item;
    uint64_t first;
    uint64_t messages;
    bool one_at_a_time;
  };
  struct Worker {
    std::deque<Held> held;
    bool retired = false;
  };
  struct Session {
    uint64_t number = 0;
    bool ordered = false;
    WorkerId worker = 0;
    WorkItem* out = nullptr;
  };
  struct TestItem : WorkItem {
    std::set<uint64_t> poison;
    std::map<uint64_t, int> kills;
    Session* owner = nullptr;
    bool done = false;
  };

  void AddWorker() {
    dispatcher_.AddWorker(next_worker_, now_);
    workers_[next_worker_++] = {};
  }

  template <typename Map>
  typename Map::iterator Random(Map* map) {
    return std::next(map->begin(),
                     static_cast<int64_t>(random_() % map->size()));
  }

  void Send() {
    if (sessions_.size() < 10) {
      sessions_.push_back(std::make_unique<Session>());
      sessions_.back()->number = sessions_.size();
      sessions_.back()->ordered = random_() % 2 == 0;
    }
    Session* session = sessions_[random_() % sessions_.size()].get();
    if (session->out != nullptr) return;
    batches_.push_back(std::make_unique<TestItem>());
    TestItem* item = batches_.back().get();
    item->owner = session;
    item->session = session->number;
    item->messages = 1 + random_() % 150;
    item->bytes = item->messages * 10;
    item->message_nanoseconds = 100;
    item->ordered = session->ordered;
    item->worker = session->worker;
    for (uint64_t i = 0; i < item->messages; ++i) {
      if (random_() % 500 == 0) item->poison.insert(i);
    }
    poison_ += static_cast<int>(item->poison.size());
    session->out = item;
    dispatcher_.Enqueue(item, now_);
  }

  void Fly() {
    Assignment assignment;
    while (dispatcher_.NextAssignment(now_, &assignment)) {
      Worker& worker = workers_.at(assignment.worker);
      ASSERT_FALSE(worker.retired);
      for (const auto& part : assignment.parts) {
        TestItem* item = static_cast<TestItem*>(part.item);
        if (item->ordered && item->owner->worker != 0 &&
            workers_.count(item->owner->worker) > 0 &&
            !workers_[item->owner->worker].retired) {
          ASSERT_EQ(assignment.worker, item->owner->worker);
        }
        item->owner->worker = assignment.worker;
        if (part.one_at_a_time) {
          ASSERT_TRUE(worker.held.empty());
          ASSERT_EQ(assignment.parts.size(), 1u);
        }
        worker.held.push_back(
            {item, item->answered, part.messages, part.one_at_a_time});
      }
    }
  }

  void Complete(WorkItem* item) {
    if (item == nullptr) return;
    auto* test_item = static_cast<TestItem*>(item);
    ASSERT_FALSE(test_item->done);
    ASSERT_EQ(item->answered, item->messages);
    test_item->done = true;
    test_item->owner->out = nullptr;
  }

  // A worker answers a few messages of what it holds, or dies over one.
  void Work() {
    now_ += absl::Milliseconds(10);
    dispatcher_.Tidy(now_);
    const auto it = Random(&workers_);
    const WorkerId id = it->first;
    Worker& worker = it->second;
    if (worker.held.empty()) {
      if (worker.retired) {
        std::vector<WorkItem*> given_up;
        dispatcher_.RemoveWorker(id, now_, &given_up);
        workers_.erase(it);
      }
      return;
    }
    Held& held = worker.held.front();
    TestItem* item = static_cast<TestItem*>(held.item);
    ASSERT_EQ(held.first, item->answered);
    uint64_t good = 0;
    uint64_t want = 1 + random_() % held.messages;
    while (good < want && item->poison.count(held.first + good) == 0) ++good;
    if (good == 0) {
      ++item->kills[held.first];
      Die(id);
      return;
    }
    held.first += good;
    held.messages -= good;
    if (held.messages == 0) worker.held.pop_front();
    Complete(dispatcher_.OnAnswered(id, good, now_));
  }

  void Die(WorkerId id) {
    std::vector<WorkItem*> given_up;
    dispatcher_.RemoveWorker(id, now_, &given_up);
    ++deaths_;
    workers_.erase(id);
    AddWorker();
    for (WorkItem* item : given_up) {
      auto* test_item = static_cast<TestItem*>(item);
      ASSERT_EQ(item->attempts, max_attempts_);
      ++given_up_;
      if (test_item->poison.count(item->answered) == 0) innocent = false;
      if (dispatcher_.GiveUp(item)) Complete(item);
    }
  }

  void Retire() {
    const auto it = Random(&workers_);
    if (it->second.retired) return;
    it->second.retired = true;
    dispatcher_.RetireWorker(it->first, now_);
    AddWorker();
  }

 public:
  // Whether all that was given up had it coming.
  bool innocent = true;

 private:
  std::mt19937 random_;
  const int max_attempts_;
  Dispatcher dispatcher_;
  absl::Time now_ = absl::UnixEpoch();
  std::map<WorkerId, Worker> workers_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<TestItem>> batches_;
  WorkerId next_worker_ = 1;
  int deaths_ = 0;
  int poison_ = 0;
  int given_up_ = 0;
};

TEST(DispatcherInterleavingTest, PoisonTakesExactlyItsAttemptsOfWorkers) {
  for (int max_attempts : {1, 2, 3, 5}) {
    for (uint32_t seed = 1; seed <= 60; ++seed) {
      World world(seed, max_attempts);
      world.Run(/*random_deaths=*/false);
      if (::testing::Test::HasFatalFailure()) return;
      EXPECT_TRUE(world.innocent) << seed;
      EXPECT_EQ(world.given_up(), world.poison()) << seed;
      EXPECT_LE(world.deaths(), world.poison() * max_attempts) << seed;
    }
  }
}

TEST(DispatcherInterleavingTest, EverythingIsAnsweredOnceWhateverDies) {
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    World world(seed, 3);
    world.Run(/*random_deaths=*/true);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace msgproc::processor
