// Dispatcher in worlds of random order. What each single decision is, is
// dispatcher_test's.
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "services/processor/workers/dispatcher.h"

namespace msgproc::processor {
namespace {

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
        dispatcher_.RemoveWorker(id, now_, 0, &given_up);
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
      Die(id, /*culprit=*/true);
      return;
    }
    held.first += good;
    held.messages -= good;
    if (held.messages == 0) worker.held.pop_front();
    Complete(dispatcher_.OnAnswered(id, good, now_));
  }

  // Of what it held, something that it did not die over may never have reached
  // it. `culprit`: it has the oldest.
  void Die(WorkerId id, bool culprit = false) {
    uint64_t held = dispatcher_.held(id);
    if (culprit) --held;
    const uint64_t unwritten =
        random_() % 2 == 0 || held == 0 ? 0 : random_() % (held + 1);
    std::vector<WorkItem*> given_up;
    dispatcher_.RemoveWorker(id, now_, unwritten, &given_up);
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
