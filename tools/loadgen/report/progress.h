#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_PROGRESS_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "tools/loadgen/plan/plan.h"

namespace msgproc::loadgen {

// The line that shows how far a phase has come, rewritten in place on standard
// error while that is a terminal; silent otherwise. Not thread-safe.
class Progress {
 public:
  // `name`: "warm-up", or empty for the measured phase.
  Progress(absl::string_view name, const Phase& phase, bool terminal);

  // Wipes the line.
  ~Progress();

  // `elapsed` nanoseconds have gone by and `answered` messages are done.
  void Show(int64_t elapsed, uint64_t answered);

  // What Show writes, for tests.
  std::string Line(int64_t elapsed, uint64_t answered);

 private:
  static constexpr int64_t kInterval = 200'000'000;

  const std::string name_;
  const Phase phase_;
  const bool terminal_;
  bool shown_ = false;
  int64_t last_shown_ = 0;
  int64_t last_elapsed_ = 0;
  uint64_t last_answered_ = 0;
};

// Whether standard error is a terminal.
bool StandardErrorIsTerminal();

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_PROGRESS_H_
