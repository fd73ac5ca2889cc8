#include "tools/loadgen/report/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/loadgen/report/format.h"

namespace msgproc::loadgen {

Progress::Progress(absl::string_view name, const Phase& phase, bool terminal)
    : name_(name), phase_(phase), terminal_(terminal) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::Show(int64_t elapsed, uint64_t answered) {
  if (!terminal_ || elapsed - last_shown_ < kInterval) return;
  last_shown_ = elapsed;
  shown_ = true;
  std::fputs(absl::StrCat("\r\x1b[K", Line(elapsed, answered)).c_str(), stderr);
}

std::string Progress::Line(int64_t elapsed, uint64_t answered) {
  const double seconds = static_cast<double>(elapsed) / 1e9;
  const double since = static_cast<double>(elapsed - last_elapsed_) / 1e9;
  const double rate =
      since > 0 ? static_cast<double>(answered - last_answered_) / since : 0;
  last_elapsed_ = elapsed;
  last_answered_ = answered;
  double share = seconds / absl::ToDoubleSeconds(phase_.duration);
  if (phase_.messages != Phase::kUnlimited) {
    share = std::max(share, static_cast<double>(answered) /
                                static_cast<double>(phase_.messages));
  }
  std::string line = absl::StrFormat(
      "%s%.1f s  %s answered  %s/s", name_.empty() ? "" : name_ + "  ", seconds,
      FormatCount(answered), FormatCount(static_cast<uint64_t>(rate)));
  if (share > 0) {
    absl::StrAppendFormat(&line, "  %.0f %%", 100 * std::min(share, 1.0));
  }
  return line;
}

bool StandardErrorIsTerminal() { return isatty(STDERR_FILENO) == 1; }

}  // namespace msgproc::loadgen
