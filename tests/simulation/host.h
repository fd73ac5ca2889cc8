#ifndef MSGPROC_TESTS_SIMULATION_HOST_H_
#define MSGPROC_TESTS_SIMULATION_HOST_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/check.h"
#include "tests/simulation/event_loop.h"

namespace msgproc::simulation {

// Where a process runs: what it does later happens only if it lives then, and
// what would happen while it is frozen (SIGSTOP) happens when it thaws.
class Host {
 public:
  explicit Host(EventLoop* loop) : loop_(loop) {}

  bool alive() const { return alive_; }
  bool frozen() const { return frozen_; }

  void Start() {
    MSGPROC_CHECK(!alive_);
    alive_ = true;
    frozen_ = false;
    ++life_;
  }
  void Die() {
    MSGPROC_CHECK(alive_);
    alive_ = false;
    frozen_ = false;
    held_.clear();
  }
  void Freeze() { frozen_ = true; }
  void Thaw() {
    frozen_ = false;
    for (auto& event : std::exchange(held_, {})) {
      After(absl::ZeroDuration(), std::move(event));
    }
  }

  void After(absl::Duration delay, EventLoop::Event event) {
    MSGPROC_CHECK(alive_);
    loop_->After(delay,
                 [this, life = life_, event = std::move(event)]() mutable {
                   Happen(life, std::move(event));
                 });
  }

 private:
  void Happen(uint64_t life, EventLoop::Event event) {
    if (!alive_ || life != life_) return;
    if (frozen_) {
      held_.push_back(std::move(event));
    } else {
      event();
    }
  }

  EventLoop* const loop_;
  bool alive_ = false;
  bool frozen_ = false;
  uint64_t life_ = 0;
  std::vector<EventLoop::Event> held_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_HOST_H_
