#include "services/processor/workers/supervisor.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(10);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
// A life this long is none that ends at once.
constexpr absl::Duration kShortLife = absl::Milliseconds(100);
constexpr int kSuccessorAttempts = 3;
// Starts in a row that fail before there is no hope: when no worker ever
// served, and when one did, which must have been a while ago.
// A start that timed out was long enough.
constexpr int kFirstStarts = 3;
constexpr int kLaterStarts = 10;
constexpr absl::Duration kPatience = absl::Seconds(10);

}  // namespace

Supervisor::Supervisor(const Options& options)
    : options_(options),
      slots_(static_cast<size_t>(std::max(1, options.workers))) {}

bool Supervisor::CheckInvariants() const {
  for (const Slot& slot : slots_) {
    for (const Incarnation* one : {&slot.current, &slot.successor}) {
      MSGPROC_CHECK_LT(one->worker, next_worker_);
      MSGPROC_CHECK_LE(one->generation, generation_);
      MSGPROC_CHECK(one->life.phase() != WorkerPhase::kRetiring &&
                    one->life.phase() != WorkerPhase::kLeaving &&
                    one->life.phase() != WorkerPhase::kGone);
    }
    // One that serves takes the slot.
    MSGPROC_CHECK(!slot.successor.serving());
    MSGPROC_CHECK(!slot.current.exists() ||
                  slot.current.worker != slot.successor.worker);
    MSGPROC_CHECK_LE(slot.wanted, generation_);
    MSGPROC_CHECK_LT(slot.successors_failed, kSuccessorAttempts);
    MSGPROC_CHECK_LE(slot.pause, kLongestPause);
  }
  MSGPROC_CHECK(ever_served_ || serving() == 0);
  return true;
}

Supervisor::Incarnation Supervisor::Start(const Slot& slot, absl::Time now,
                                          Actions* actions) {
  MSGPROC_CHECK(now >= slot.next_start);
  Incarnation started;
  started.worker = next_worker_++;
  started.generation = generation_;
  started.since = now;
  actions->start.push_back(
      {started.worker, static_cast<int>(&slot - slots_.data())});
  return started;
}

void Supervisor::CheckStart(Incarnation* incarnation, absl::Time now,
                            Actions* actions) const {
  if (!incarnation->starting() ||
      now - incarnation->since <= options_.start_timeout) {
    return;
  }
  incarnation->life.ChangePhase(WorkerPhase::kKilled);
  actions->kill.push_back(incarnation->worker);
}

Supervisor::Actions Supervisor::Decide(absl::Time now) {
  Actions actions;
  actions.retire = std::exchange(to_retire_, {});
  actions.kill = std::exchange(to_kill_, {});
  for (Slot& slot : slots_) {
    if (!slot.current.exists()) {
      slot.current = std::exchange(slot.successor, {});
    }
    if (now >= slot.next_start) {
      if (!slot.current.exists()) {
        slot.current = Start(slot, now, &actions);
      } else if (slot.WantsSuccessor()) {
        slot.successor = Start(slot, now, &actions);
      }
    }
    CheckStart(&slot.current, now, &actions);
    CheckStart(&slot.successor, now, &actions);
    // Nobody is a successor of nobody.
    MSGPROC_CHECK(slot.current.exists() || !slot.successor.exists());
  }
  MSGPROC_CHECK(CheckInvariants());
  return actions;
}

absl::Time Supervisor::NextDecision() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Slot& slot : slots_) {
    if (!slot.current.exists() || slot.WantsSuccessor()) {
      next = std::min(next, slot.next_start);
    }
    for (const Incarnation* one : {&slot.current, &slot.successor}) {
      if (one->starting()) {
        next = std::min(next, one->since + options_.start_timeout);
      }
    }
  }
  return next;
}

void Supervisor::OnReady(WorkerId worker, absl::Time now) {
  for (Slot& slot : slots_) {
    const bool succeeds = slot.successor.worker == worker;
    if (!succeeds && slot.current.worker != worker) continue;
    if (!(succeeds ? slot.successor : slot.current).starting()) return;
    failed_starts_ = 0;
    ever_served_ = true;
    if (succeeds) {
      Count(slot.why);
      slot.successors_failed = 0;
      (slot.current.serving() ? to_retire_ : to_kill_)
          .push_back(slot.current.worker);
      slot.current = std::exchange(slot.successor, {});
    }
    slot.current.life.ChangePhase(WorkerPhase::kServing);
    slot.current.since = now;
    MSGPROC_DCHECK(CheckInvariants());
    return;
  }
}

void Supervisor::Pause(Slot* slot, const Incarnation& gone, absl::Time now,
                       bool expected) {
  MSGPROC_CHECK(gone.exists());
  if (expected && gone.serving()) {
    slot->next_start = now;
    last_served_ = now;
    return;
  }
  const absl::Duration lived =
      gone.serving() ? now - gone.since : absl::ZeroDuration();
  if (lived >= kShortLife + slot->pause * 10) {
    slot->pause = absl::ZeroDuration();
  } else {
    slot->pause = std::clamp(slot->pause * 2, kFirstPause, kLongestPause);
  }
  slot->next_start = now + slot->pause;
  if (gone.serving()) last_served_ = now;
  if (!gone.serving()) ++failed_starts_;
}

void Supervisor::OnGone(WorkerId worker, Departure departure, absl::Time now,
                        bool expected) {
  if (departure == Departure::kStart) start_timed_out_ = true;
  for (Slot& slot : slots_) {
    if (slot.current.worker == worker) {
      Count(slot.current.serving() ? departure : Departure::kStart);
      Pause(&slot, std::exchange(slot.current, {}), now, expected);
      MSGPROC_DCHECK(CheckInvariants());
      return;
    }
    if (slot.successor.worker == worker) {
      Count(Departure::kStart);
      Pause(&slot, std::exchange(slot.successor, {}), now);
      if (slot.current.serving() &&
          ++slot.successors_failed == kSuccessorAttempts) {
        slot.successors_failed = 0;
        slot.current.generation = slot.wanted;
        abandoned_ = true;
      }
      MSGPROC_DCHECK(CheckInvariants());
      return;
    }
  }
}

void Supervisor::Replace() {
  ++generation_;
  for (Slot& slot : slots_) {
    slot.wanted = generation_;
    slot.why = Departure::kReload;
    slot.successors_failed = 0;
  }
}

void Supervisor::Replace(WorkerId worker, Departure why) {
  for (Slot& slot : slots_) {
    if (slot.current.worker != worker || slot.successor.exists() ||
        slot.current.generation < slot.wanted) {
      continue;
    }
    slot.wanted = ++generation_;
    slot.why = why;
  }
}

int Supervisor::serving() const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(),
                    [](const Slot& slot) { return slot.current.serving(); }));
}

bool Supervisor::replacing() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.successor.exists() || slot.WantsSuccessor();
  });
}

bool Supervisor::Hopeless(absl::Time now) const {
  if (serving() > 0) return false;
  if (!ever_served_) return start_timed_out_ || failed_starts_ >= kFirstStarts;
  return failed_starts_ >= kLaterStarts && now - last_served_ > kPatience;
}

bool Supervisor::TakeAbandoned() { return std::exchange(abandoned_, false); }

}  // namespace msgproc::processor
