#ifndef MSGPROC_COMMON_READ_BUFFER_H_
#define MSGPROC_COMMON_READ_BUFFER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"

namespace msgproc {

// What was read from a descriptor and not consumed yet, in one piece. It grows
// while something that is not complete fills it. Used by one thread.
class ReadBuffer {
 public:
  // Begins with `initial_bytes` of capacity, more than 0. Once all is consumed,
  // a buffer that has grown beyond `most_kept` is released.
  explicit ReadBuffer(size_t initial_bytes, size_t most_kept = SIZE_MAX);

  // Reads once, behind what is there, and returns what read(2) does.
  ssize_t ReadFrom(int fd);

  // Valid until the next call of anything else.
  absl::string_view data() const { return {buffer_.get() + begin_, size_}; }
  // The first `bytes` of it are not needed any more.
  void Consume(size_t bytes);
  void Clear() { Consume(size_); }

  size_t capacity() const { return capacity_; }

 private:
  // Moves what is there to the front, where it has room behind it.
  void MakeRoom();

  const size_t initial_bytes_;
  const size_t most_kept_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t size_ = 0;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_READ_BUFFER_H_
