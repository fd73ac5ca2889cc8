#include "services/processor/workers/dispatcher.h"

#include <algorithm>
#include <deque>
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
  Delivery* Enqueue(uint64_t messages, int64_t nanoseconds = kFast,
                    WorkerId ordered_on = 0, bool ordered = false) {
    Delivery& delivery = deliveries_.emplace_back();
    delivery.messages = messages;
    delivery.bytes = messages * 64;
    delivery.message_nanoseconds = nanoseconds;
    delivery.ordered = ordered;
    delivery.worker = ordered_on;
    dispatcher_->Enqueue(&delivery);
    return &delivery;
  }
  Delivery* EnqueueOrdered(uint64_t messages, WorkerId worker) {
    return Enqueue(messages, kFast, worker, true);
  }

  std::vector<Dispatcher::Flight> Flights() {
    std::vector<Dispatcher::Flight> flights;
    Dispatcher::Flight flight;
    while (dispatcher_->NextFlight(now_, &flight)) flights.push_back(flight);
    return flights;
  }
  std::vector<WorkerId> Destinations() {
    std::vector<WorkerId> workers;
    for (const auto& flight : Flights()) workers.push_back(flight.worker);
    return workers;
  }
  std::vector<Delivery*> Remove(WorkerId worker) {
    std::vector<Delivery*> given_up;
    dispatcher_->RemoveWorker(worker, &given_up);
    return given_up;
  }
  void Use(const Dispatcher::Options& options) {
    dispatcher_ = std::make_unique<Dispatcher>(options);
  }

  std::unique_ptr<Dispatcher> dispatcher_ =
      std::make_unique<Dispatcher>(Dispatcher::Options());
  std::deque<Delivery> deliveries_;
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(DispatcherTest, KeepsWhatComesBeforeAWorkerIsThere) {
  Enqueue(3);
  EXPECT_THAT(Flights(), IsEmpty());
  EXPECT_EQ(dispatcher_->waiting(), 3u);
  dispatcher_->AddWorker(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  EXPECT_EQ(dispatcher_->waiting(), 0u);
  EXPECT_EQ(dispatcher_->held(1), 3u);
}

TEST_F(DispatcherTest, GivesToTheWorkerWithTheLeastWork) {
  for (WorkerId worker : {1, 2, 3}) dispatcher_->AddWorker(worker);
  Enqueue(30);
  Enqueue(10);
  Enqueue(20);
  EXPECT_THAT(Destinations(), ElementsAre(1, 2, 3));
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

TEST_F(DispatcherTest, LetsWhatWaitsTravelTogetherOnceAWorkerHoldsTwoFlights) {
  dispatcher_->AddWorker(1);
  for (int i = 0; i < 2; ++i) {
    Enqueue(10);
    EXPECT_THAT(Destinations(), ElementsAre(1));
  }
  for (int i = 0; i < 5; ++i) {
    Enqueue(10);
    EXPECT_THAT(Flights(), IsEmpty());
  }
  EXPECT_NE(dispatcher_->OnAnswered(1, 10, now_), nullptr);
  const auto flights = Flights();
  ASSERT_EQ(flights.size(), 1u);
  EXPECT_EQ(flights[0].consignments.size(), 5u);
}

TEST_F(DispatcherTest, SpreadsWhatWaitedOverWorkersThatAreFree) {
  for (int i = 0; i < 3; ++i) Enqueue(10);
  for (WorkerId worker : {1, 2, 3}) dispatcher_->AddWorker(worker);
  EXPECT_THAT(Destinations(), ElementsAre(1, 2, 3));
}

TEST_F(DispatcherTest, PutsNothingBehindASlowMessage) {
  dispatcher_->AddWorker(1);
  Enqueue(1, kSlow);
  Enqueue(1, kSlow);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  dispatcher_->AddWorker(2);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

TEST_F(DispatcherTest, PutsAFlightBehindOneThatIsAboutToEnd) {
  dispatcher_->AddWorker(1);
  Enqueue(1, 900'000);
  Enqueue(1, 900'000);
  Enqueue(1, 900'000);
  EXPECT_THAT(Destinations(), ElementsAre(1, 1));
}

TEST_F(DispatcherTest, CutsAFlightByTheWorkInIt) {
  dispatcher_->AddWorker(1);
  for (int i = 0; i < 6; ++i) Enqueue(1, 100'000);
  const auto flights = Flights();
  ASSERT_EQ(flights.size(), 2u);
  EXPECT_EQ(flights[0].consignments.size(), 2u);
  EXPECT_EQ(flights[1].consignments.size(), 2u);
}

TEST_F(DispatcherTest, CompletesADeliveryThatIsAnsweredInParts) {
  dispatcher_->AddWorker(1);
  Delivery* delivery = Enqueue(3);
  Flights();
  EXPECT_EQ(dispatcher_->OnAnswered(1, 2, now_), nullptr);
  EXPECT_EQ(dispatcher_->held(1), 1u);
  EXPECT_EQ(dispatcher_->OnAnswered(1, 1, now_), delivery);
  EXPECT_TRUE(dispatcher_->Empty());
}

TEST_F(DispatcherTest, GivesNothingToAWorkerThatRetires) {
  dispatcher_->AddWorker(1);
  dispatcher_->AddWorker(2);
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(1));
  dispatcher_->RetireWorker(1);
  EXPECT_FALSE(dispatcher_->Idle(1));
  Enqueue(1);
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  dispatcher_->OnAnswered(1, 1, now_);
  EXPECT_TRUE(dispatcher_->Idle(1));
}

TEST_F(DispatcherTest, KeepsAnOrderedSessionOnItsWorker) {
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker);
  const Delivery* first = EnqueueOrdered(5, 0);
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
  for (WorkerId worker : {1, 2, 3}) dispatcher_->AddWorker(worker);
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
  for (WorkerId worker : {1, 2}) dispatcher_->AddWorker(worker);
  for (int i = 0; i < 3; ++i) {
    Enqueue(1000);
    Flights();
  }
  Delivery* waiting = EnqueueOrdered(5, 1);
  EXPECT_THAT(Flights(), IsEmpty());
  dispatcher_->RetireWorker(1);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  EXPECT_EQ(waiting->worker, 2u);
  const Delivery* next = EnqueueOrdered(5, 1);
  EXPECT_THAT(Flights(), IsEmpty());
  dispatcher_->OnAnswered(2, 1000, now_);
  EXPECT_THAT(Destinations(), ElementsAre(2));
  EXPECT_EQ(next->worker, 2u);
}

TEST_F(DispatcherTest, SendsWhatADeadWorkerHeldApartAndOnAWorkerOfItsOwn) {
  dispatcher_->AddWorker(1);
  Delivery* delivery = Enqueue(100);
  Flights();
  dispatcher_->OnAnswered(1, 10, now_);
  EXPECT_THAT(Remove(1), IsEmpty());
  EXPECT_EQ(dispatcher_->waiting(), 90u);
  dispatcher_->AddWorker(2);
  Enqueue(5);
  const auto flights = Flights();
  ASSERT_EQ(flights.size(), 1u);
  ASSERT_EQ(flights[0].consignments.size(), 1u);
  EXPECT_EQ(flights[0].consignments[0].delivery, delivery);
  EXPECT_EQ(flights[0].consignments[0].messages, 64u);
  EXPECT_TRUE(flights[0].consignments[0].apart);
}

TEST_F(DispatcherTest, TriesTheCulpritAloneTheLastTimeAndThenGivesItUp) {
  dispatcher_->AddWorker(1);
  Delivery* delivery = Enqueue(5);
  Flights();
  EXPECT_THAT(Remove(1), IsEmpty());
  dispatcher_->AddWorker(2);
  Flights();
  dispatcher_->OnAnswered(2, 2, now_);  // The third is the culprit.
  EXPECT_THAT(Remove(2), IsEmpty());
  dispatcher_->AddWorker(3);
  auto flights = Flights();
  ASSERT_EQ(flights.size(), 1u);
  EXPECT_EQ(flights[0].consignments[0].messages, 1u);
  EXPECT_THAT(Remove(3), ElementsAre(delivery));
  EXPECT_EQ(delivery->attempts, 3);
  EXPECT_FALSE(dispatcher_->GiveUp(delivery));
  dispatcher_->AddWorker(4);
  flights = Flights();
  ASSERT_EQ(flights.size(), 1u);
  EXPECT_EQ(flights[0].consignments[0].messages, 2u);
  EXPECT_EQ(dispatcher_->OnAnswered(4, 2, now_), delivery);
}

TEST_F(DispatcherTest, LetsEveryMessageTravelAloneWhereOneAttemptIsAll) {
  Use({.max_attempts = 1});
  dispatcher_->AddWorker(1);
  Delivery* delivery = Enqueue(2);
  EXPECT_EQ(Flights()[0].consignments[0].messages, 1u);
  EXPECT_THAT(Remove(1), ElementsAre(delivery));
  EXPECT_FALSE(dispatcher_->GiveUp(delivery));
  dispatcher_->AddWorker(2);
  EXPECT_EQ(Flights()[0].consignments[0].messages, 1u);
  EXPECT_EQ(dispatcher_->OnAnswered(2, 1, now_), delivery);
}

TEST_F(DispatcherTest, ReservesAWorkerForASuspectWhileTheOthersGoOn) {
  dispatcher_->AddWorker(1);
  Delivery* suspect = Enqueue(1);
  Flights();
  Remove(1);
  for (WorkerId worker : {2, 3}) {
    dispatcher_->AddWorker(worker);
  }
  // Both are busy before the suspect is looked at.
  dispatcher_->TakeWaiting();
  Enqueue(10);
  Enqueue(20);
  EXPECT_THAT(Destinations(), ElementsAre(2, 3));
  suspect->attempts = suspect->attempts_behind = 1;
  dispatcher_->Enqueue(suspect);
  EXPECT_THAT(Flights(), IsEmpty());
  Enqueue(1);
  EXPECT_THAT(Destinations(), ElementsAre(3));
  Enqueue(1);
  dispatcher_->OnAnswered(2, 10, now_);
  const auto flights = Flights();
  ASSERT_EQ(flights.size(), 1u);
  EXPECT_EQ(flights[0].worker, 2u);
  EXPECT_EQ(flights[0].consignments[0].delivery, suspect);
  EXPECT_EQ(dispatcher_->OnAnswered(2, 1, now_), suspect);
  EXPECT_THAT(Destinations(), ElementsAre(2));
}

TEST_F(DispatcherTest, NamesAWorkerThatIsSilentOverAMessage) {
  Use({.message_timeout = absl::Seconds(1)});
  dispatcher_->AddWorker(1);
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
        dispatcher_({.max_attempts = max_attempts}) {}

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
    Delivery* delivery;
    uint64_t first;
    uint64_t messages;
    bool apart;
  };
  struct Worker {
    std::deque<Held> held;
    bool retired = false;
  };
  struct Session {
    bool ordered = false;
    WorkerId worker = 0;
    Delivery* out = nullptr;
  };
  struct Parcel : Delivery {
    std::set<uint64_t> poison;
    std::map<uint64_t, int> kills;
    Session* session = nullptr;
    bool done = false;
  };

  void AddWorker() {
    dispatcher_.AddWorker(next_worker_);
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
      sessions_.back()->ordered = random_() % 2 == 0;
    }
    Session* session = sessions_[random_() % sessions_.size()].get();
    if (session->out != nullptr) return;
    parcels_.push_back(std::make_unique<Parcel>());
    Parcel* parcel = parcels_.back().get();
    parcel->session = session;
    parcel->messages = 1 + random_() % 150;
    parcel->bytes = parcel->messages * 10;
    parcel->message_nanoseconds = 100;
    parcel->ordered = session->ordered;
    parcel->worker = session->worker;
    for (uint64_t i = 0; i < parcel->messages; ++i) {
      if (random_() % 500 == 0) parcel->poison.insert(i);
    }
    poison_ += static_cast<int>(parcel->poison.size());
    session->out = parcel;
    dispatcher_.Enqueue(parcel);
  }

  void Fly() {
    Dispatcher::Flight flight;
    while (dispatcher_.NextFlight(absl::UnixEpoch(), &flight)) {
      Worker& worker = workers_.at(flight.worker);
      ASSERT_FALSE(worker.retired);
      for (const auto& consignment : flight.consignments) {
        Parcel* parcel = static_cast<Parcel*>(consignment.delivery);
        if (parcel->ordered && parcel->session->worker != 0 &&
            workers_.count(parcel->session->worker) > 0 &&
            !workers_[parcel->session->worker].retired) {
          ASSERT_EQ(flight.worker, parcel->session->worker);
        }
        parcel->session->worker = flight.worker;
        if (consignment.apart) {
          ASSERT_TRUE(worker.held.empty());
          ASSERT_EQ(flight.consignments.size(), 1u);
        }
        worker.held.push_back({parcel, parcel->answered, consignment.messages,
                               consignment.apart});
      }
    }
  }

  void Complete(Delivery* delivery) {
    if (delivery == nullptr) return;
    Parcel* parcel = static_cast<Parcel*>(delivery);
    ASSERT_FALSE(parcel->done);
    ASSERT_EQ(parcel->answered, parcel->messages);
    parcel->done = true;
    parcel->session->out = nullptr;
  }

  // A worker answers a few messages of what it holds, or dies over one.
  void Work() {
    const auto it = Random(&workers_);
    const WorkerId id = it->first;
    Worker& worker = it->second;
    if (worker.held.empty()) {
      if (worker.retired) {
        std::vector<Delivery*> given_up;
        dispatcher_.RemoveWorker(id, &given_up);
        workers_.erase(it);
      }
      return;
    }
    Held& held = worker.held.front();
    Parcel* parcel = static_cast<Parcel*>(held.delivery);
    ASSERT_EQ(held.first, parcel->answered);
    uint64_t good = 0;
    uint64_t want = 1 + random_() % held.messages;
    while (good < want && parcel->poison.count(held.first + good) == 0) ++good;
    if (good == 0) {
      ++parcel->kills[held.first];
      Die(id);
      return;
    }
    held.first += good;
    held.messages -= good;
    if (held.messages == 0) worker.held.pop_front();
    Complete(dispatcher_.OnAnswered(id, good, absl::UnixEpoch()));
  }

  void Die(WorkerId id) {
    std::vector<Delivery*> given_up;
    dispatcher_.RemoveWorker(id, &given_up);
    ++deaths_;
    workers_.erase(id);
    AddWorker();
    for (Delivery* delivery : given_up) {
      Parcel* parcel = static_cast<Parcel*>(delivery);
      ASSERT_EQ(parcel->attempts, max_attempts_);
      ++given_up_;
      if (parcel->poison.count(parcel->answered) == 0) innocent = false;
      if (dispatcher_.GiveUp(delivery)) Complete(delivery);
    }
  }

  void Retire() {
    const auto it = Random(&workers_);
    if (it->second.retired) return;
    it->second.retired = true;
    dispatcher_.RetireWorker(it->first);
    AddWorker();
  }

 public:
  // Whether all that was given up had it coming.
  bool innocent = true;

 private:
  std::mt19937 random_;
  const int max_attempts_;
  Dispatcher dispatcher_;
  std::map<WorkerId, Worker> workers_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Parcel>> parcels_;
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
