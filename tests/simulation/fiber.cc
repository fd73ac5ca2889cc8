#include "tests/simulation/fiber.h"

#include <cstddef>
#include <cstdint>
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
  // It takes ints only.
  const auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::Main), 2,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

Fiber::~Fiber() { MSGPROC_CHECK(done_); }

void Fiber::Main(unsigned high, unsigned low) {
  auto* const self = reinterpret_cast<Fiber*>(
      (static_cast<uintptr_t>(high) << 32) | static_cast<uintptr_t>(low));
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
