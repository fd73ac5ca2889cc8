#ifndef MSGPROC_TESTS_SIMULATION_EVENT_LOOP_H_
#define MSGPROC_TESTS_SIMULATION_EVENT_LOOP_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/fake_clock.h"

namespace msgproc::simulation {

// Virtual time: events happen one after another, each at its time, and take
// none. Those of the same time happen in the order in which they were
// scheduled.
class EventLoop {
 public:
  using Event = std::function<void()>;

  const FakeClock* clock() const { return &clock_; }
  absl::Time now() const { return now_; }
  absl::Duration passed() const { return now_ - start_; }
  uint64_t events() const { return order_; }

  void At(absl::Time when, Event event) {
    queue_.push({std::max(when, now_), ++order_, std::move(event)});
  }
  void After(absl::Duration delay, Event event) {
    At(now_ + delay, std::move(event));
  }

  // The next event happens, unless it is later than `deadline`.
  bool RunOne(absl::Time deadline) {
    if (queue_.empty() || queue_.top().when > deadline) return false;
    // The queue does not look at what is moved out.
    Event event = std::move(const_cast<Entry&>(queue_.top()).event);
    const absl::Time when = queue_.top().when;
    queue_.pop();
    clock_.Advance(when - now_);
    now_ = when;
    event();
    return true;
  }

  // What is still to come never happens.
  void Clear() { queue_ = {}; }

 private:
  struct Entry {
    absl::Time when;
    uint64_t order;
    Event event;
    bool operator<(const Entry& other) const {
      return std::pair(when, order) > std::pair(other.when, other.order);
    }
  };

  FakeClock clock_;
  absl::Time now_ = clock_.Now();
  const absl::Time start_ = now_;
  uint64_t order_ = 0;
  std::priority_queue<Entry> queue_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_EVENT_LOOP_H_
