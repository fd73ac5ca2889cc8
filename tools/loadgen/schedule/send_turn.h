#ifndef MSGPROC_TOOLS_LOADGEN_SCHEDULE_SEND_TURN_H_
#define MSGPROC_TOOLS_LOADGEN_SCHEDULE_SEND_TURN_H_

#include <atomic>
#include <cstdint>

namespace msgproc::loadgen {

// Whose turn it is to send on a stream in a closed loop. A starter fills the
// window; meanwhile results come, and each is owed another message. When the
// starter is done it hands over, and from then on the callback sends for
// itself: what each result costs then is one load.
//
// One starter and one callback at a time. What the starter did happens before
// what the callback does with its turn.
class SendTurn {
 public:
  // Before the starter begins, while no callback runs.
  void Reset() { state_.store(0, std::memory_order_relaxed); }

  // Callback: so many results came. True: send their successors now. False: the
  // starter does it.
  bool Mine(uint64_t results = 1) {
    if (state_.load(std::memory_order_acquire) >= kHandedOver) [[likely]] {
      return true;
    }
    return state_.fetch_add(results, std::memory_order_acq_rel) >= kHandedOver;
  }

  // Starter: how many messages results were owed since the last call; 0: handed
  // over, send no more.
  uint64_t TakeOwed() {
    uint64_t none = 0;
    if (state_.compare_exchange_strong(none, kHandedOver,
                                       std::memory_order_acq_rel)) {
      return 0;
    }
    return state_.exchange(0, std::memory_order_acq_rel);
  }

 private:
  static constexpr uint64_t kHandedOver = uint64_t{1} << 63;

  std::atomic<uint64_t> state_{0};  // Owed messages, or kHandedOver and more.
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_SCHEDULE_SEND_TURN_H_
