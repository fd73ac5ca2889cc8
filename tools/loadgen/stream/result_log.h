#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_RESULT_LOG_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_RESULT_LOG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::loadgen {

// Writes results behind those of earlier runs, each before its callback
// returns: then an outbox lets go of its message. A line each: sequence, tab,
// result (nothing for a message that failed). A result that comes again after a
// crash is there again, with its sequence. Used by one thread at a time.
class ResultLog {
 public:
  // `descriptor`, for reading and writing unless it is no file, is not owned.
  explicit ResultLog(int descriptor) : descriptor_(descriptor) {}

  // Goes behind the last whole line: what a crash has left of one goes.
  absl::Status Begin() const;

  // Ends the program, as a crash would, where it cannot be written: the result
  // must not count as delivered, and comes again at the next start.
  void Put(uint64_t sequence, absl::string_view result);

 private:
  const int descriptor_;
  std::string line_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_RESULT_LOG_H_
