#include "services/balancer/fail_static.h"

#include "common/check.h"
#include "common/transition.h"

namespace msgproc::balancer {

void FailStatic::Begin(absl::Time now) {
  now_ = now;
  here_ = vanished_ = kept_ = 0;
}

void FailStatic::Count(Absence* absence, bool here) {
  MSGPROC_CHECK(!absence->stale_ || absence->vanished());
  MSGPROC_CHECK(!here || !absence->vanished());
  MSGPROC_CHECK(!absence->vanished() || absence->since_ <= now_);
  if (absence->stale_ && !blind_ && now_ - absence->since_ > options_.longest) {
    absence->BeCertain();
  }
  if (here) {
    ++here_;
  } else if (absence->vanished() &&
             (absence->stale_ || now_ - absence->since_ <= options_.lease)) {
    ++vanished_;
  }
}

bool FailStatic::Decide() {
  const bool most =
      here_ == 0 || (here_ + vanished_ >= 3 && vanished_ >= here_);
  const bool on =
      vanished_ > 0 && options_.longest > absl::ZeroDuration() && most;
  const bool changed = on != on_;
  if (changed) {
    TellTransition("balancer::FailStatic", on_ ? "on" : "off",
                   on ? "on" : "off");
  }
  on_ = on;
  return changed;
}

bool FailStatic::Apply(Absence* absence) {
  if (!absence->vanished()) return false;
  const bool recent = now_ - absence->since_ <= options_.lease;
  absence->stale_ = on_ && (absence->stale_ || recent);
  MSGPROC_CHECK(on_ || !absence->stale_);
  if (absence->stale_) ++kept_;
  return !absence->stale_ && !recent;
}

}  // namespace msgproc::balancer
