#include "tools/loadgen/stream/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace msgproc::loadgen {

LineReader::LineReader(int input, int stop, size_t max_line_bytes)
    : input_(input), stop_(stop), max_line_bytes_(max_line_bytes) {}

absl::Status LineReader::TooLong() const {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", lines_ + 1, " of the input is longer than ",
                   max_line_bytes_, " bytes: a line is one message"));
}

absl::StatusOr<bool> LineReader::Next(absl::string_view* line) {
  size_t end = 0;
  while ((end = buffer_.find('\n', scanned_)) == std::string::npos) {
    end = scanned_ = buffer_.size();
    if (end - begin_ > max_line_bytes_) return TooLong();
    if (ended_) {
      if (begin_ == end) return false;
      break;
    }
    const absl::StatusOr<bool> more = Fill();
    if (!more.ok()) return more;
    ended_ = !*more;
  }
  *line = absl::string_view(buffer_).substr(begin_, end - begin_);
  if (line->size() > max_line_bytes_) return TooLong();
  begin_ = scanned_ = std::min(end + 1, buffer_.size());
  ++lines_;
  return true;
}

absl::StatusOr<bool> LineReader::Fill() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  const size_t size = buffer_.size();
  buffer_.resize(size + kBlockBytes);
  ssize_t count = 0;
  do {
    const absl::StatusOr<bool> ready = WaitForInput();
    if (!ready.ok() || !*ready) {
      buffer_.resize(size);
      if (ready.ok()) {
        buffer_.clear();  // A line that is cut short is no line.
        scanned_ = 0;
      }
      return ready;
    }
    count = read(input_, buffer_.data() + size, kBlockBytes);
  } while (count < 0 && (errno == EINTR || errno == EAGAIN));
  const int error = errno;
  buffer_.resize(size + (count > 0 ? static_cast<size_t>(count) : 0));
  if (count < 0) return absl::ErrnoToStatus(error, "reading the input");
  return count > 0;
}

absl::StatusOr<bool> LineReader::WaitForInput() const {
  pollfd descriptors[] = {{input_, POLLIN, 0},
                          {waits_ ? stop_ : -1, POLLIN, 0}};
  while (poll(descriptors, 2, waits_ ? -1 : 0) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "poll");
  }
  return waits_ ? descriptors[1].revents == 0 : descriptors[0].revents != 0;
}

}  // namespace msgproc::loadgen
