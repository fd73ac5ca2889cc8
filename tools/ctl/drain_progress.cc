#include "tools/ctl/drain_progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/ctl/text.h"

namespace msgproc::ctl {
namespace {

constexpr absl::Duration kLongestPause = absl::Seconds(30);
// Lines that say only that nothing happens, and lines at all.
constexpr absl::Duration kSayAgain = absl::Seconds(10);
constexpr absl::Duration kSayAtMost = absl::Seconds(1);

std::string Sockets(uint64_t count) {
  return absl::StrCat(count, count == 1 ? " socket" : " sockets");
}

}  // namespace

bool DrainProgress::TellNow(absl::Time now) {
  if (now < tell_at_) return false;
  tell_at_ = now + pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
  return true;
}

DrainProgress::Verdict DrainProgress::OnLeft(uint64_t sockets, absl::Time now) {
  const bool changed = !looked_ || sockets != left_;
  if (!looked_) first_ = sockets;
  looked_ = true;
  left_ = sockets;
  const absl::Duration passed = now - begun_;
  if (sockets == 0) {
    Say(absl::StrCat("drained: ", Sockets(first_), " gone in ", Length(passed)),
        now);
    return Verdict::kDone;
  }
  if (passed >= timeout_) {
    Say(absl::StrCat("given up after ", Length(passed), ": ", Sockets(sockets),
                     " left"),
        now);
    return Verdict::kGivenUp;
  }
  if (now - said_at_ >= (changed ? kSayAtMost : kSayAgain)) {
    Say(absl::StrCat(Sockets(sockets), " left after ", Length(passed)), now);
  }
  return Verdict::kGoOn;
}

void DrainProgress::Say(std::string line, absl::Time now) {
  line_ = std::move(line);
  said_at_ = now;
}

std::string DrainProgress::TakeLine() { return std::exchange(line_, ""); }

}  // namespace msgproc::ctl
