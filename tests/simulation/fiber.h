#ifndef MSGPROC_TESTS_SIMULATION_FIBER_H_
#define MSGPROC_TESTS_SIMULATION_FIBER_H_

#include <ucontext.h>

#include <functional>
#include <memory>

namespace msgproc::simulation {

// A thread that blocks, as an event loop can have it: runs until it suspends
// itself, and goes on where it was when it is resumed.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  // It must be done.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // From outside, while it is suspended or before it has begun.
  void Resume();
  bool done() const { return done_; }

  // From inside.
  void Suspend();
  // Null: outside of any.
  static Fiber* Current();

 private:
  static void Main();

  std::function<void()> body_;
  std::unique_ptr<char[]> stack_;
  ucontext_t inside_;
  ucontext_t outside_;
  bool done_ = false;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_FIBER_H_
