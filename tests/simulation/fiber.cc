#include "tests/simulation/fiber.h"

#include <cstddef>
#include <utility>

#include "common/check.h"

namespace msgproc::simulation {
namespace {

constexpr size_t kStackBytes = 256 << 10;

Fiber* current = nullptr;

}  // namespace

Fiber::Fiber(std::function<void()> body)
    : body_(std::move(body)), stack_(new char[kStackBytes]) {
  getcontext(&inside_);
  inside_.uc_stack.ss_sp = stack_.get();
  inside_.uc_stack.ss_size = kStackBytes;
  inside_.uc_link = &outside_;
  makecontext(&inside_, &Fiber::Main, 0);
}

Fiber::~Fiber() { MSGPROC_CHECK(done_); }

// Whoever resumed it for the first time is the current one.
void Fiber::Main() {
  Fiber* const self = current;
  self->body_();
  self->done_ = true;
}

Fiber* Fiber::Current() { return current; }

void Fiber::Resume() {
  MSGPROC_CHECK(current == nullptr);
  MSGPROC_CHECK(!done_);
  current = this;
  swapcontext(&outside_, &inside_);
  current = nullptr;
}

void Fiber::Suspend() {
  MSGPROC_CHECK(current == this);
  swapcontext(&inside_, &outside_);
}

}  // namespace msgproc::simulation
