#ifndef MSGPROC_SERVICES_BALANCER_FAIL_STATIC_H_
#define MSGPROC_SERVICES_BALANCER_FAIL_STATIC_H_

#include <cstddef>

#include "absl/time/time.h"
#include "common/state_dump.h"

namespace msgproc::balancer {

// Whether one server is missed.
class Absence {
 public:
  // Gone without a goodbye, or not.
  bool vanished() const { return since_ != absl::InfiniteFuture(); }
  // Handed out further all the same.
  bool stale() const { return stale_; }
  absl::Time since() const { return since_; }

  void Vanish(absl::Time now) { since_ = now; }
  // It is gone for certain, or nobody would miss it.
  void BeCertain() {
    since_ = absl::InfinitePast();
    stale_ = false;
  }
  // It is there.
  void End() {
    since_ = absl::InfiniteFuture();
    stale_ = false;
  }

 private:
  friend class FailStatic;
  absl::Time since_ = absl::InfiniteFuture();
  bool stale_ = false;
};

// Decides whether servers that have vanished are handed out further.
//
// When most of a fleet vanishes within one lease (at least half of three or
// more, or the last one), the fault is more likely the observer's own. After
// Envoy's panic threshold and the "fail static" of Google's SRE book.
//
// One decision: Begin, Count for every server, Decide, then Apply to every
// absence. Pure. Not thread-safe.
class FailStatic {
 public:
  struct Options {
    // Those that vanish within it have vanished at once.
    absl::Duration lease;
    // How long one is handed out so at most. Zero: not at all.
    absl::Duration longest;
  };

  explicit FailStatic(const Options& options) : options_(options) {}

  // Whether the observer knows that it sees nothing now: then no absence has
  // lasted too long, since nobody could end it.
  void SetBlind(bool blind) { blind_ = blind; }

  void Begin(absl::Time now);
  // Ends an absence that has lasted too long, and counts. `here`: it is not
  // missed and is handed out.
  void Count(Absence* absence, bool here);
  // Whether that changes anything: see on().
  bool Decide();
  // Marks as stale what is to be kept. Whether it may be forgotten: what has
  // just vanished is to stay a while, since more may follow.
  bool Apply(Absence* absence);

  bool on() const { return on_; }
  // Absences kept by the last decision.
  size_t kept() const { return kept_; }

  StateDump Dump(absl::Time now) const {
    return StateDump("balancer::FailStatic", {{"on", on_},
                                              {"blind", blind_},
                                              {"here", here_},
                                              {"vanished", vanished_},
                                              {"kept", kept_},
                                              {"decided_at", When(now_, now)},
                                              {"lease", options_.lease},
                                              {"longest", options_.longest}});
  }

 private:
  const Options options_;
  absl::Time now_;
  bool blind_ = false;
  bool on_ = false;
  size_t here_ = 0;
  size_t vanished_ = 0;
  size_t kept_ = 0;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_FAIL_STATIC_H_
