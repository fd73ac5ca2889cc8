#ifndef MSGPROC_PROTO_WIRE_OUTSTANDING_WINDOW_H_
#define MSGPROC_PROTO_WIRE_OUTSTANDING_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace msgproc::wire {

// Counts the messages and bytes beyond `received_through` (rule 6): the client
// with it before it sends, the server when it accepts, so that both always come
// to the same answer. Not thread-safe.
class OutstandingWindow {
 public:
  // Whether one more message of so many bytes is within the limits. One always
  // fits.
  bool Fits(size_t bytes, uint64_t max_messages, uint64_t max_bytes) const {
    return messages_ == 0 ||
           (messages_ < max_messages && bytes_ + bytes <= max_bytes);
  }

  // Adds the next message.
  void Push(size_t bytes) {
    if (messages_ == sizes_.size()) Resize(std::max<size_t>(16, messages_ * 2));
    sizes_[(first_ + messages_) & (sizes_.size() - 1)] = bytes;
    ++messages_;
    bytes_ += bytes;
  }

  // Removes the oldest `messages`, at most all.
  void Pop(uint64_t messages) {
    messages = std::min(messages, messages_);
    for (uint64_t i = 0; i < messages; ++i) {
      bytes_ -= sizes_[(first_ + i) & (sizes_.size() - 1)];
    }
    first_ += messages;
    messages_ -= messages;
  }

  // Gives back the memory that a burst left behind, when empty.
  void Trim() {
    if (messages_ == 0) std::vector<size_t>().swap(sizes_);
  }

  // The bytes of the i-th oldest message, i < messages().
  size_t bytes_at(uint64_t i) const {
    return sizes_[(first_ + i) & (sizes_.size() - 1)];
  }
  uint64_t messages() const { return messages_; }
  uint64_t bytes() const { return bytes_; }

 private:
  // `capacity` is a power of two.
  void Resize(size_t capacity) {
    std::vector<size_t> sizes(capacity);
    for (uint64_t i = 0; i < messages_; ++i) {
      sizes[(first_ + i) & (capacity - 1)] =
          sizes_[(first_ + i) & (sizes_.size() - 1)];
    }
    sizes_.swap(sizes);
  }

  std::vector<size_t> sizes_;  // A ring; its size is a power of two.
  uint64_t first_ = 0;         // The oldest message, counted from the first.
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_PROTO_WIRE_OUTSTANDING_WINDOW_H_
