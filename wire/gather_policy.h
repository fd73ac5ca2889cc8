#ifndef MSGPROC_WIRE_GATHER_POLICY_H_
#define MSGPROC_WIRE_GATHER_POLICY_H_

#include <algorithm>
#include <cstddef>

namespace msgproc::wire {

// Whether to look if another frame has come before the answer to this one is
// written, so that one frame answers both. Every frame costs both ends many
// times what a small message does, and small frames stay small: each is
// answered by one as small.
//
// Looking costs little but not nothing, so it is done where it was worth it of
// late; elsewhere one frame in kProbeFrames tells whether that has changed. A
// lone message that waits for its result never waits for others.
//
// Pure. Not thread-safe.
class GatherPolicy {
 public:
  // An answer of this size is worth a frame of its own.
  static constexpr size_t kEnoughMessages = 64;
  static constexpr size_t kEnoughBytes = 16 << 10;
  static constexpr int kProbeFrames = 64;
  static constexpr int kHighestScore = 8;

  // A frame has come, and this much waits to be written. True: look.
  bool ShouldLook(size_t messages, size_t bytes) {
    if (messages >= kEnoughMessages || bytes >= kEnoughBytes) return false;
    if (score_ > 0) return true;
    if (++frames_ < kProbeFrames) return false;
    frames_ = 0;
    return true;
  }

  // What was found: whether another frame had come.
  void OnLooked(bool found) {
    score_ =
        found ? std::min(score_ + 2, kHighestScore) : std::max(score_ - 1, 0);
  }

 private:
  int score_ = 0;
  int frames_ = 0;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_GATHER_POLICY_H_
