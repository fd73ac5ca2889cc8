#ifndef MSGPROC_PROTO_WIRE_OUTSTANDING_WINDOW_H_
#define MSGPROC_PROTO_WIRE_OUTSTANDING_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "proto/wire/ring.h"

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
  void Push(size_t bytes) {
    sizes_.PushBack(bytes);
    bytes_ += bytes;
  }

  // Removes the oldest `messages`, at most all.
  void Pop(uint64_t messages) {
    messages = std::min(messages, this->messages());
    for (uint64_t i = 0; i < messages; ++i) bytes_ -= sizes_.PopFront();
  }

  // Gives back the memory that a burst left behind, when empty.
  void Trim() { sizes_.Trim(); }

  // The bytes of the i-th oldest message, i < messages().
  size_t bytes_at(uint64_t i) const { return sizes_[i]; }
  uint64_t messages() const { return sizes_.size(); }
  uint64_t bytes() const { return bytes_; }

 private:
  Ring<size_t> sizes_;
  uint64_t bytes_ = 0;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_PROTO_WIRE_OUTSTANDING_WINDOW_H_
