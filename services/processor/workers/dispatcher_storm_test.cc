// What a session whose messages kill, hang or take long does to another one,
// in virtual time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/processor/workers/dispatcher.h"

namespace msgproc::processor {
namespace {

constexpr uint64_t kVictim = 1;
constexpr uint64_t kAttacker = 2;
constexpr absl::Duration kStep = absl::Milliseconds(1);
constexpr absl::Duration kRestart = absl::Milliseconds(50);
constexpr absl::Duration kSlow = absl::Milliseconds(700);

enum class Poison { kNone, kCrash, kHang, kSlow };

std::string Name(Poison poison) {
  switch (poison) {
    case Poison::kNone:
      return "none";
    case Poison::kCrash:
      return "crash";
    case Poison::kHang:
      return "hang";
    case Poison::kSlow:
      return "slow";
  }
  return "";
}

// Workers take a millisecond for each of the victim's messages, and do what the
// attacker's say. Both sessions always have as much out as they may.
class Storm {
 public:
  struct Options {
    int workers = 4;
    Poison poison = Poison::kNone;
    // The victim's batches of one message that are out at a time.
    size_t window = 1;
    absl::Duration timeout = absl::Seconds(1);
    int max_attempts = 3;
  };

  explicit Storm(const Options& options)
      : options_(options),
        dispatcher_({.workers = options.workers,
                     .max_attempts = options.max_attempts,
                     .message_timeout = options.timeout}) {
    for (int i = 0; i < options.workers; ++i) starts_.push_back(now_);
  }

  void Run(absl::Duration time) {
    for (const absl::Time end = now_ + time; now_ < end; now_ += kStep) {
      while (!starts_.empty() && starts_.front() <= now_) {
        starts_.pop_front();
        dispatcher_.AddWorker(next_worker_, now_);
        workers_[next_worker_++] = {};
      }
      Send(kVictim, options_.window, 1);
      if (options_.poison != Poison::kNone) {
        Send(kAttacker, static_cast<size_t>(options_.workers) * 2, 4);
      }
      Fly();
      Work();
      for (const WorkerId id : dispatcher_.Overdue(now_)) Die(id);
      dispatcher_.Tidy(now_);
      ASSERT_TRUE(dispatcher_.CheckInvariants());
    }
  }

  uint64_t victims_answered() const { return victims_answered_; }
  absl::Duration victims_longest_wait() const { return longest_wait_; }
  uint64_t attackers_answered() const { return attackers_answered_; }
  uint64_t errors_of_the_victim() const { return victims_errors_; }
  bool bound_held() const { return bound_held_; }

 private:
  struct Sent : WorkItem {
    absl::Time at;
  };
  struct Worker {
    std::deque<Assignment::Part> held;
    absl::Time begun;
  };

  void Send(uint64_t session, size_t most, uint64_t messages) {
    for (; out_[session] < most; ++out_[session]) {
      auto sent = std::make_unique<Sent>();
      sent->session = session;
      sent->messages = messages;
      sent->bytes = messages * 64;
      sent->message_nanoseconds = 1'000'000;
      sent->at = now_;
      dispatcher_.Enqueue(sent.get(), now_);
      sent_[sent.get()] = std::move(sent);
    }
  }

  void Fly() {
    Assignment assignment;
    while (dispatcher_.NextAssignment(now_, &assignment)) {
      Worker& worker = workers_.at(assignment.worker);
      if (worker.held.empty()) worker.begun = now_;
      for (const auto& each : assignment.parts) worker.held.push_back(each);
      size_t quarantined = 0;
      for (const auto& [id, each] : workers_) {
        if (dispatcher_.HoldsSuspects(id)) ++quarantined;
      }
      if (dispatcher_.HoldsSuspects(assignment.worker) &&
          quarantined > std::max<size_t>(1, workers_.size() / 2)) {
        bound_held_ = false;
      }
    }
  }

  void Work() {
    std::vector<WorkerId> ids;
    for (const auto& [id, worker] : workers_) ids.push_back(id);
    for (const WorkerId id : ids) {
      Worker& worker = workers_.at(id);
      if (worker.held.empty()) continue;
      const bool victims = worker.held.front().item->session == kVictim;
      if (!victims && options_.poison == Poison::kHang) continue;
      if (!victims && options_.poison == Poison::kCrash) {
        Die(id);
        continue;
      }
      if (now_ - worker.begun < (victims ? kStep : kSlow)) continue;
      worker.begun = now_;
      if (--worker.held.front().messages == 0) worker.held.pop_front();
      WorkItem* complete = dispatcher_.OnAnswered(id, 1, now_);
      ++(victims ? victims_answered_ : attackers_answered_);
      if (complete != nullptr) Complete(complete);
    }
  }

  void Complete(WorkItem* item) {
    const auto sent = sent_.find(item);
    if (item->session == kVictim) {
      longest_wait_ = std::max(longest_wait_, now_ - sent->second->at);
    }
    --out_[item->session];
    sent_.erase(sent);
  }

  void Die(WorkerId id) {
    std::vector<WorkItem*> given_up;
    dispatcher_.RemoveWorker(id, now_, 0, &given_up);
    workers_.erase(id);
    starts_.push_back(now_ + kRestart);
    for (WorkItem* item : given_up) {
      ++(item->session == kVictim ? victims_errors_ : attackers_answered_);
      if (dispatcher_.GiveUp(item)) Complete(item);
    }
  }

  const Options options_;
  absl::Time now_ = absl::UnixEpoch();
  Dispatcher dispatcher_;
  std::map<WorkerId, Worker> workers_;
  std::deque<absl::Time> starts_;
  WorkerId next_worker_ = 1;
  std::map<uint64_t, size_t> out_;
  std::map<WorkItem*, std::unique_ptr<Sent>> sent_;
  uint64_t victims_answered_ = 0;
  uint64_t attackers_answered_ = 0;
  uint64_t victims_errors_ = 0;
  absl::Duration longest_wait_;
  bool bound_held_ = true;
};

void ExpectAVictimToBeWell(Storm::Options options) {
  options.poison = Poison::kNone;
  Storm calm(options);
  calm.Run(absl::Seconds(10));
  for (const Poison poison : {Poison::kCrash, Poison::kHang, Poison::kSlow}) {
    SCOPED_TRACE(Name(poison));
    options.poison = poison;
    Storm storm(options);
    storm.Run(absl::Seconds(10));
    EXPECT_GE(2 * storm.victims_answered(), calm.victims_answered());
    EXPECT_LE(storm.victims_longest_wait(), absl::Seconds(2));
    EXPECT_EQ(storm.errors_of_the_victim(), 0u);
    EXPECT_TRUE(storm.bound_held());
    // Slowed, and not refused.
    EXPECT_GT(storm.attackers_answered(), 0u);
  }
}

TEST(DispatcherStormTest, AVictimKeepsHalfOfItsRateAndWaitsNoTwoSeconds) {
  for (const int workers : {2, 4, 6, 8}) {
    for (const size_t window : {1, 4, 32}) {
      for (const int max_attempts : {1, 3}) {
        SCOPED_TRACE(absl::StrCat(workers, " workers, window ", window, ", ",
                                  max_attempts, " attempts"));
        ExpectAVictimToBeWell({.workers = workers,
                               .window = window,
                               .max_attempts = max_attempts});
      }
    }
  }
}

TEST(DispatcherStormTest, AVictimIsServedByTheOtherWorkersOfAnOddNumber) {
  for (const Poison poison : {Poison::kCrash, Poison::kHang, Poison::kSlow}) {
    SCOPED_TRACE(Name(poison));
    Storm storm({.workers = 3, .poison = poison});
    storm.Run(absl::Seconds(10));
    EXPECT_GE(storm.victims_answered(), 4000u);
    EXPECT_LE(storm.victims_longest_wait(), absl::Seconds(2));
  }
}

TEST(DispatcherStormTest, AHangOfAMinuteHoldsUpNobodyElse) {
  Storm storm(
      {.workers = 2, .poison = Poison::kHang, .timeout = absl::Minutes(1)});
  storm.Run(absl::Minutes(3));
  EXPECT_LE(storm.victims_longest_wait(), absl::Seconds(2));
  EXPECT_GE(storm.victims_answered(), 90'000u);
}

TEST(DispatcherStormTest, TheOnlyWorkerIsShared) {
  Storm storm({.workers = 1, .poison = Poison::kCrash});
  storm.Run(absl::Seconds(20));
  EXPECT_LE(storm.victims_longest_wait(), absl::Seconds(2));
  EXPECT_GE(storm.victims_answered(), 1000u);
  EXPECT_EQ(storm.errors_of_the_victim(), 0u);
  EXPECT_GT(storm.attackers_answered(), 0u);
}

}  // namespace
}  // namespace msgproc::processor
