#ifndef MSGPROC_SERVICES_ETCD_LEASE_STATE_H_
#define MSGPROC_SERVICES_ETCD_LEASE_STATE_H_

#include <cstdint>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/backoff.h"
#include "common/state_dump.h"

namespace msgproc::etcd {

// One key of ours in etcd that lives as long as we do: what to ask etcd for
// next. One request is under way at a time; each has a deadline of its own.
//
//                granted            claimed
//   [ no lease ]────────►[ leased ]─────────►[ held ]──┐ kept alive, refreshed
//        ▲                   │  ▲              │  ▲    │
//        │ TTL 0, not found  │  │ not ours     │  └────┘
//        └───────────────────┴──┴──────────────┘
//   Leave, from anywhere: revoked, in two tries at most, then [ left ]
//
// A keep-alive that answers a TTL of 0 is etcd's way to say that the lease is
// gone, and the key with it: both are made anew. While etcd does not answer,
// the key may be there or not; nothing is given up, and the lease is kept alive
// as soon as that is possible. Pure; not thread-safe.
class LeaseState {
 public:
  struct Options {
    // What is asked for: whole seconds. etcd may grant more.
    absl::Duration ttl = absl::Seconds(6);
    absl::Duration initial_backoff = absl::Milliseconds(100);
    absl::Duration max_backoff = absl::Seconds(1);
  };

  enum class Phase { kNoLease, kLeased, kHeld, kLeft };
  enum class Request { kNone, kGrant, kClaim, kKeepAlive, kRevoke };

  struct Actions {
    Request request = Request::kNone;
    // Of all but kGrant.
    int64_t lease = 0;
    // When to ask again if nothing happens before: never in the past.
    absl::Time wake = absl::InfiniteFuture();
  };

  explicit LeaseState(const Options& options);

  // What to do now; the request counts as under way until one of the answers
  // below.
  Actions Next(absl::Time now);

  // Answers. `lease` is not 0, and `ttl` above zero.
  void OnGranted(absl::Time now, int64_t lease, absl::Duration ttl);
  // Whether the key is ours now; somebody else may hold it.
  void OnClaimed(absl::Time now, bool ours);
  // `ttl` is zero when the lease is gone.
  void OnKeptAlive(absl::Time now, absl::Duration ttl);
  void OnRevoked();
  // Whichever request was under way has failed. `lease_gone`: etcd knows of no
  // such lease.
  void OnFailed(absl::Time now, bool lease_gone, absl::BitGenRef random);

  // The key is to be written again: it says something new, or is somebody
  // else's no longer.
  void Refresh() { stale_ = true; }
  // The key is to go. There is no return.
  void Leave();

  Phase phase() const { return phase_; }
  // Whether the key is ours for certain: the lease cannot have run out.
  bool held(absl::Time now) const {
    return phase_ == Phase::kHeld && now < lease_ends_;
  }
  // 0: none.
  int64_t lease() const { return lease_; }
  // Written since Refresh.
  bool fresh() const { return phase_ == Phase::kHeld && !stale_; }
  uint64_t leases_lost() const { return leases_lost_; }
  uint64_t failures() const { return failures_; }

  StateDump Dump(absl::Time now) const;

 private:
  // What to ask for now; kNone sets `wake`.
  Request Choose(absl::Time now, absl::Time* wake) const;
  void ChangePhase(Phase phase);
  void Succeed(Request request);
  void Extend(absl::Duration ttl);
  void LoseLease();

  const Options options_;
  Phase phase_ = Phase::kNoLease;
  Request under_way_ = Request::kNone;
  absl::Time asked_at_ = absl::InfinitePast();
  int64_t lease_ = 0;
  absl::Duration ttl_;
  // By when it has run out, unless it is kept alive: counted from when that was
  // last asked for.
  absl::Time lease_ends_ = absl::InfinitePast();
  absl::Time keep_alive_at_ = absl::InfinitePast();
  // Before it the key is not claimed: it was somebody else's just now.
  absl::Time claim_at_ = absl::InfinitePast();
  absl::Time retry_at_ = absl::InfinitePast();
  Backoff backoff_;
  bool stale_ = false;
  bool leaving_ = false;
  // The first may have shown etcd a token that it has forgotten.
  int revokes_left_ = 2;
  uint64_t leases_lost_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_LEASE_STATE_H_
