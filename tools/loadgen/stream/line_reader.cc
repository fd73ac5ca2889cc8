#include "tools/loadgen/stream/line_reader.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace msgproc::loadgen {
namespace {

constexpr size_t kBlockBytes = size_t{256} << 10;

}  // namespace

LineReader::LineReader(int input, int stop, size_t max_line_bytes)
    : input_(input),
      stop_(stop),
      max_line_bytes_(max_line_bytes),
      buffer_(kBlockBytes) {}

absl::Status LineReader::TooLong() const {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", lines_ + 1, " of the input is longer than ",
                   max_line_bytes_, " bytes: a line is one message"));
}

absl::StatusOr<bool> LineReader::Next(absl::string_view* line) {
  buffer_.Consume(std::exchange(given_out_, 0));
  size_t end = 0;
  size_t scanned = 0;  // Up to here there is no newline.
  while ((end = buffer_.data().find('\n', scanned)) ==
         absl::string_view::npos) {
    end = scanned = buffer_.data().size();
    if (end > max_line_bytes_) return TooLong();
    if (ended_) {
      if (end == 0) return false;
      break;
    }
    const absl::StatusOr<bool> more = Fill();
    if (!more.ok()) return more;
    ended_ = !*more;
  }
  *line = buffer_.data().substr(0, end);
  if (line->size() > max_line_bytes_) return TooLong();
  given_out_ = std::min(end + 1, buffer_.data().size());
  ++lines_;
  return true;
}

absl::StatusOr<bool> LineReader::Fill() {
  ssize_t count = 0;
  do {
    const absl::StatusOr<bool> ready = WaitForInput();
    if (!ready.ok()) return ready;
    if (!*ready) {
      buffer_.Clear();  // A line that is cut short is no line.
      return false;
    }
    count = buffer_.ReadFrom(input_);
  } while (count < 0 && (errno == EINTR || errno == EAGAIN));
  if (count < 0) return absl::ErrnoToStatus(errno, "reading the input");
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
