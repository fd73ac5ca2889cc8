#ifndef MSGPROC_WIRE_OUTSTANDING_WINDOW_H_
#define MSGPROC_WIRE_OUTSTANDING_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "common/check.h"
#include "wire/ring.h"

namespace msgproc::wire {

// Counts the messages and bytes beyond `received_through` (rule 6): the client
// with it before it sends, the server when it accepts, so that both always come
// to the same answer. Not thread-safe.
class OutstandingWindow {
 public:
  // Whether one more message of so many bytes is within the limits. One always
  // fits.
  bool Fits(size_t bytes, uint64_t max_messages, uint64_t max_bytes) const {
    return messages() == 0 ||
           (messages() < max_messages && bytes_ + bytes <= max_bytes);
  }

  // Adds the next message.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Push(size_t bytes) {
    if (!runs_.empty() && runs_.back().bytes == bytes) {
      ++runs_.back().messages;
    } else {
      runs_.PushBack({.bytes = bytes, .messages = 1});
    }
    ++messages_;
    bytes_ += bytes;
  }

  // Removes the oldest `messages`, at most all.
  void Pop(uint64_t messages) {
    messages = std::min(messages, messages_);
    messages_ -= messages;
    while (messages > 0) {
      Run& oldest = runs_.front();
      const uint64_t popped = std::min(messages, oldest.messages);
      oldest.messages -= popped;
      bytes_ -= popped * oldest.bytes;
      messages -= popped;
      if (oldest.messages == 0) runs_.PopFront();
    }
    MSGPROC_CHECK_EQ(messages_ == 0, runs_.empty());
    MSGPROC_CHECK(messages_ > 0 || bytes_ == 0);
  }

  // How many of the oldest would fit within the limits by themselves.
  uint64_t Fitting(uint64_t max_messages, uint64_t max_bytes) const {
    if (messages_ == 0) return 0;
    uint64_t fitting = 0;
    uint64_t left = max_bytes;
    for (size_t i = 0; i < runs_.size() && fitting < max_messages; ++i) {
      const Run& run = runs_[i];
      const uint64_t most =
          run.bytes == 0 ? run.messages
                         : std::min<uint64_t>(run.messages, left / run.bytes);
      fitting += most;
      left -= most * run.bytes;
      if (most < run.messages) break;
    }
    return std::max<uint64_t>(1, std::min(fitting, max_messages));
  }

  // Gives back the memory that a burst left behind, when empty.
  void Trim() { runs_.Trim(); }

  uint64_t messages() const { return messages_; }
  uint64_t bytes() const { return bytes_; }

 private:
  // Messages of one size that follow one another: mostly all of them.
  struct Run {
    size_t bytes = 0;
    uint64_t messages = 0;
  };

  Ring<Run> runs_;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_OUTSTANDING_WINDOW_H_
