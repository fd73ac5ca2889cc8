#include "services/processor/workers/worker_input.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "wire/coding.h"

namespace msgproc::processor {
namespace {

using wire::FieldReader;
using wire::Tag;
using wire::WireType;

constexpr size_t kBufferBytes = 256 << 10;
// One made for a large batch is let go of again.
constexpr size_t kLargeBufferBytes = 4 << 20;
// A handler may ask in a loop.
constexpr absl::Duration kLookEvery = absl::Milliseconds(1);

// The frame at the beginning of the bytes; returns its size with its length
// before it, 0: it is not all there.
size_t FrameAt(absl::string_view bytes, absl::string_view* frame) {
  FieldReader reader(bytes);
  uint64_t size = 0;
  if (bytes.empty() || !reader.ReadVarint(&size)) return 0;
  const auto prefix = static_cast<size_t>(reader.at() - bytes.data());
  if (bytes.size() - prefix < size) return 0;
  *frame = bytes.substr(prefix, size);
  return prefix + size;
}

}  // namespace

bool WorkerInput::Next(absl::string_view* frame) {
  begin_ = frame_end_;
  const size_t size =
      FrameAt(absl::string_view(buffer_.get() + begin_, end_ - begin_), frame);
  frame_end_ = begin_ + size;
  return size > 0;
}

bool WorkerInput::Fill() {
  MSGPROC_CHECK_EQ(begin_, frame_end_);
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > kLargeBufferBytes) capacity_ = 0;
  }
  if (!ahead_.empty()) {
    MSGPROC_CHECK_EQ(end_, 0u);
    frame_end_ = 0;
    if (capacity_ < ahead_.size()) {
      capacity_ = std::max(kBufferBytes, ahead_.size());
      buffer_ = std::make_unique<char[]>(capacity_);
    }
    std::memcpy(buffer_.get(), ahead_.data(), ahead_.size());
    end_ = ahead_.size();
    ahead_.clear();
    looked_at_ = 0;
    return true;
  }
  if (end_ == capacity_ && begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  frame_end_ = begin_;
  if (end_ == capacity_) {
    capacity_ = std::max(kBufferBytes, capacity_ * 2);
    auto larger = std::make_unique<char[]>(capacity_);
    if (end_ > 0) std::memcpy(larger.get(), buffer_.get(), end_);
    buffer_ = std::move(larger);
  }
  ssize_t size;
  do {
    size = read(socket_, buffer_.get() + end_, capacity_ - end_);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  MSGPROC_CHECK_LE(static_cast<size_t>(size), capacity_ - end_);
  end_ += static_cast<size_t>(size);
  return true;
}

void WorkerInput::LookAhead() {
  const absl::Time now = Clock::Monotonic()->Now();
  if (now < next_look_) return;
  next_look_ = now + kLookEvery;
  // The frame at hand stays where it is; what is behind it moves.
  if (end_ > frame_end_) {
    MSGPROC_CHECK(ahead_.empty());
    ahead_.assign(buffer_.get() + frame_end_, end_ - frame_end_);
    end_ = frame_end_;
  }
  ssize_t more;
  do {
    const size_t size = ahead_.size();
    ahead_.resize(size + kBufferBytes);
    more = recv(socket_, &ahead_[size], kBufferBytes, MSG_DONTWAIT);
    ahead_.resize(size + static_cast<size_t>(std::max<ssize_t>(0, more)));
  } while (more > 0);
  absl::string_view frame;
  while (const size_t size =
             FrameAt(absl::string_view(ahead_).substr(looked_at_), &frame)) {
    TakeCancelled(frame);
    looked_at_ += size;
  }
}

void WorkerInput::TakeCancelled(absl::string_view frame) {
  const auto take = [this](uint64_t id) {
    if (id > answered_through_) cancelled_.insert(id);
  };
  FieldReader reader(frame);
  uint32_t tag = 0;
  while (!reader.Done() && reader.ReadTag(&tag)) {
    uint64_t id = 0;
    absl::string_view packed;
    if (tag == Tag(7, WireType::kVarint)) {
      if (!reader.ReadVarint(&id)) return;
      take(id);
    } else if (tag == Tag(7, WireType::kLengthDelimited)) {
      if (!reader.ReadBytes(&packed)) return;
      FieldReader ids(packed);
      while (!ids.Done() && ids.ReadVarint(&id)) take(id);
    } else if (!reader.Skip(tag)) {
      return;
    }
  }
}

void WorkerInput::Forget(uint64_t batch_id) {
  answered_through_ = batch_id;
  cancelled_.erase(cancelled_.begin(), cancelled_.upper_bound(batch_id));
}

}  // namespace msgproc::processor
