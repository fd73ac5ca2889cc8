#include "common/read_buffer.h"

#include <unistd.h>

#include <cstring>
#include <utility>

#include "common/check.h"

namespace msgproc {

ReadBuffer::ReadBuffer(size_t initial_bytes, size_t most_kept)
    : initial_bytes_(initial_bytes), most_kept_(most_kept) {
  MSGPROC_CHECK_GT(initial_bytes, 0U);
}

ssize_t ReadBuffer::ReadFrom(int fd) {
  MakeRoom();
  MSGPROC_CHECK_LT(size_, capacity_);
  const ssize_t count = read(fd, buffer_.get() + size_, capacity_ - size_);
  if (count > 0) size_ += static_cast<size_t>(count);
  return count;
}

void ReadBuffer::MakeRoom() {
  if (size_ < capacity_) {
    if (begin_ > 0) std::memmove(buffer_.get(), &buffer_[begin_], size_);
    begin_ = 0;
    return;
  }
  MSGPROC_CHECK_EQ(begin_, 0U);
  const size_t capacity = capacity_ == 0 ? initial_bytes_ : capacity_ * 2;
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ > 0) std::memcpy(larger.get(), buffer_.get(), size_);
  buffer_ = std::move(larger);
  capacity_ = capacity;
}

void ReadBuffer::Consume(size_t bytes) {
  MSGPROC_CHECK_LE(bytes, size_);
  size_ -= bytes;
  begin_ = size_ == 0 ? 0 : begin_ + bytes;
  if (size_ == 0 && capacity_ > most_kept_) {
    buffer_.reset();
    capacity_ = 0;
  }
}

}  // namespace msgproc
