#ifndef MSGPROC_TOOLS_CTL_DRAIN_PROGRESS_H_
#define MSGPROC_TOOLS_CTL_DRAIN_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace msgproc::ctl {

// How a drain goes: when to send sockets away again, what to tell the operator,
// and when it is over. Pure: times are handed in, and do not go back.
class DrainProgress {
 public:
  enum class Verdict { kGoOn, kDone, kGivenUp };

  DrainProgress(absl::Duration timeout, absl::Time now)
      : timeout_(timeout), begun_(now), tell_at_(now) {}

  // Whether to tell the sockets to go: at once, then those that came meanwhile,
  // ever less often, so that a client which knows no other server is not sent
  // around in circles.
  bool TellNow(absl::Time now);

  // So many sockets are left.
  Verdict OnLeft(uint64_t sockets, absl::Time now);

  // What there is to say about it, a line; empty: nothing new.
  std::string TakeLine();

 private:
  void Say(std::string line, absl::Time now);

  const absl::Duration timeout_;
  const absl::Time begun_;
  absl::Time tell_at_;
  absl::Duration pause_ = absl::Seconds(1);
  bool looked_ = false;
  uint64_t first_ = 0;  // How many there were at the first look.
  uint64_t left_ = 0;
  absl::Time said_at_ = absl::InfinitePast();
  std::string line_;
};

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_DRAIN_PROGRESS_H_
