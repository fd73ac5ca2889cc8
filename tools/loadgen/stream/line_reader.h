#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_LINE_READER_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_LINE_READER_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/read_buffer.h"

namespace msgproc::loadgen {

// Reads a file, a pipe or a terminal line by line, however long it is as a
// whole: no more is in memory than twice the longest line, or a block. A line
// is what stands before a newline, with all its other bytes; the last one needs
// none. Used by one thread.
class LineReader {
 public:
  // Neither descriptor is owned. Once `stop` (-1: none) can be read, no more
  // lines come, even while the input keeps us waiting.
  LineReader(int input, int stop, size_t max_line_bytes);

  // The next line in `line`, valid until the next call; false at the end or
  // when stopped. INVALID_ARGUMENT: the line is too long. The errno's own
  // status when reading fails.
  absl::StatusOr<bool> Next(absl::string_view* line);

  // From now on only lines that are there already come, whatever `stop` says.
  void StopWaiting() { waits_ = false; }

 private:
  absl::Status TooLong() const;
  // False: the end, or stopped.
  absl::StatusOr<bool> Fill();
  absl::StatusOr<bool> WaitForInput() const;

  const int input_;
  const int stop_;
  const size_t max_line_bytes_;
  ReadBuffer buffer_;
  size_t given_out_ = 0;  // Bytes of the last line, and its newline.
  uint64_t lines_ = 0;
  bool ended_ = false;
  bool waits_ = true;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_LINE_READER_H_
