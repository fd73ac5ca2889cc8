#include "services/processor/workers/output_queue.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/check.h"

namespace msgproc::processor {
namespace {

constexpr int kMaxParts = 128;

absl::string_view Part(const OutFrame& frame, size_t part) {
  if (part == 0) return frame.head;
  const wire::Piece& piece = frame.pieces[part - 1];
  return absl::string_view(piece.data, piece.size);
}

}  // namespace

void OutputQueue::Append(OutputQueue* other) {
  unwritten_messages_ += std::exchange(other->unwritten_messages_, 0);
  if (frames_.empty()) {
    frames_.swap(other->frames_);
    return;
  }
  for (OutFrame& frame : other->frames_) frames_.push_back(std::move(frame));
  other->frames_.clear();
}

OutputQueue::Written OutputQueue::WriteTo(int fd) {
  while (!frames_.empty()) {
    iovec parts[kMaxParts];
    int count = 0;
    size_t bytes = 0;
    size_t part = part_;
    size_t offset = offset_;
    for (const OutFrame& frame : frames_) {
      for (; part <= frame.pieces.size() && count < kMaxParts; ++part) {
        const absl::string_view rest = Part(frame, part).substr(offset);
        offset = 0;
        if (rest.empty()) continue;
        parts[count++] = {const_cast<char*>(rest.data()), rest.size()};
        bytes += rest.size();
      }
      if (count == kMaxParts) break;
      part = 0;
    }
    MSGPROC_CHECK_LE(count, kMaxParts);
    const ssize_t written = writev(fd, parts, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Written::kBlocked;
      frames_.clear();
      part_ = offset_ = 0;
      return Written::kBroken;
    }
    Consume(static_cast<size_t>(written));
    if (static_cast<size_t>(written) < bytes) return Written::kBlocked;
  }
  return Written::kAll;
}

void OutputQueue::Consume(size_t bytes) {
  while (!frames_.empty()) {
    OutFrame& frame = frames_.front();
    // Written in part, it counts as written.
    if (bytes > 0) unwritten_messages_ -= std::exchange(frame.messages, 0);
    const size_t left = Part(frame, part_).size() - offset_;
    if (bytes < left) {
      offset_ += bytes;
      return;
    }
    bytes -= left;
    offset_ = 0;
    if (++part_ > frame.pieces.size()) {
      frames_.pop_front();
      part_ = 0;
      if (bytes == 0) return;
    }
  }
  MSGPROC_CHECK_EQ(bytes, 0u);
}

}  // namespace msgproc::processor
