#include "services/etcd/lease_state.h"

#include <algorithm>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/transition.h"

namespace msgproc::etcd {
namespace {

absl::string_view Name(LeaseState::Phase phase) {
  switch (phase) {
    case LeaseState::Phase::kNoLease:
      return "no lease";
    case LeaseState::Phase::kLeased:
      return "leased";
    case LeaseState::Phase::kHeld:
      return "held";
    case LeaseState::Phase::kLeft:
      return "left";
  }
  return "unknown";
}

absl::string_view Name(LeaseState::Request request) {
  switch (request) {
    case LeaseState::Request::kNone:
      return "none";
    case LeaseState::Request::kGrant:
      return "grant";
    case LeaseState::Request::kClaim:
      return "claim";
    case LeaseState::Request::kKeepAlive:
      return "keep alive";
    case LeaseState::Request::kRevoke:
      return "revoke";
  }
  return "unknown";
}

}  // namespace

LeaseState::LeaseState(const Options& options)
    : options_(options),
      ttl_(options.ttl),
      backoff_(options.initial_backoff, options.max_backoff) {
  MSGPROC_CHECK_GE(options_.ttl, absl::Seconds(1));
}

void LeaseState::ChangePhase(Phase phase) {
  if (phase == phase_) return;
  MSGPROC_CHECK(phase_ != Phase::kLeft);
  MSGPROC_CHECK(phase != Phase::kHeld || phase_ == Phase::kLeased);
  TellTransition("etcd::LeaseState", Name(phase_), Name(phase));
  phase_ = phase;
}

LeaseState::Request LeaseState::Choose(absl::Time now, absl::Time* wake) const {
  if (phase_ == Phase::kLeft) return Request::kNone;
  // What is asked for last is not held up by what failed before it.
  if (leaving_) return Request::kRevoke;
  if (now < retry_at_) {
    *wake = retry_at_;
    return Request::kNone;
  }
  if (phase_ == Phase::kNoLease) return Request::kGrant;
  if (now >= keep_alive_at_) return Request::kKeepAlive;
  const bool unclaimed = phase_ == Phase::kLeased || stale_;
  if (unclaimed && now >= claim_at_) return Request::kClaim;
  *wake = unclaimed ? std::min(claim_at_, keep_alive_at_) : keep_alive_at_;
  return Request::kNone;
}

LeaseState::Actions LeaseState::Next(absl::Time now) {
  Actions actions;
  if (under_way_ != Request::kNone) return actions;
  actions.request = Choose(now, &actions.wake);
  if (actions.request == Request::kNone) return actions;
  if (actions.request == Request::kClaim) stale_ = false;
  under_way_ = actions.request;
  asked_at_ = now;
  actions.lease = lease_;
  MSGPROC_CHECK_EQ(actions.request == Request::kGrant, lease_ == 0);
  return actions;
}

void LeaseState::Succeed(Request request) {
  MSGPROC_CHECK(under_way_ == request);
  under_way_ = Request::kNone;
  backoff_.Reset();
  retry_at_ = absl::InfinitePast();
}

void LeaseState::Extend(absl::Duration ttl) {
  ttl_ = ttl;
  lease_ends_ = asked_at_ + ttl_;
  keep_alive_at_ = asked_at_ + ttl_ / 3;
}

void LeaseState::LoseLease() {
  lease_ = 0;
  ++leases_lost_;
  lease_ends_ = absl::InfinitePast();
  claim_at_ = absl::InfinitePast();
  ChangePhase(Phase::kNoLease);
  if (leaving_) ChangePhase(Phase::kLeft);
}

void LeaseState::OnGranted(absl::Time /*now*/, int64_t lease,
                           absl::Duration ttl) {
  Succeed(Request::kGrant);
  MSGPROC_CHECK_NE(lease, 0);
  MSGPROC_CHECK_GT(ttl, absl::ZeroDuration());
  lease_ = lease;
  Extend(ttl);
  ChangePhase(Phase::kLeased);
}

void LeaseState::OnClaimed(absl::Time now, bool ours) {
  Succeed(Request::kClaim);
  if (ours) return ChangePhase(Phase::kHeld);
  claim_at_ = now + ttl_ / 3;
  ChangePhase(Phase::kLeased);
}

void LeaseState::OnKeptAlive(absl::Time /*now*/, absl::Duration ttl) {
  Succeed(Request::kKeepAlive);
  if (ttl <= absl::ZeroDuration()) return LoseLease();
  Extend(ttl);
}

void LeaseState::OnRevoked() {
  Succeed(Request::kRevoke);
  lease_ = 0;
  ChangePhase(Phase::kLeft);
}

void LeaseState::OnFailed(absl::Time now, bool lease_gone,
                          absl::BitGenRef random) {
  MSGPROC_CHECK(under_way_ != Request::kNone);
  const Request failed = under_way_;
  under_way_ = Request::kNone;
  if (failed == Request::kRevoke) {
    if (!lease_gone && --revokes_left_ > 0) return;
    // It runs out by itself.
    lease_ = 0;
    return ChangePhase(Phase::kLeft);
  }
  ++failures_;
  if (failed == Request::kClaim) stale_ = true;
  retry_at_ = now + absl::Uniform(random, 0.5, 1.0) * backoff_.Next();
  if (lease_gone && lease_ != 0) return LoseLease();
  if (leaving_ && lease_ == 0) ChangePhase(Phase::kLeft);
}

void LeaseState::Leave() {
  if (leaving_) return;
  leaving_ = true;
  // A lease that is just being granted is revoked once it is known.
  if (lease_ == 0 && under_way_ == Request::kNone) ChangePhase(Phase::kLeft);
}

StateDump LeaseState::Dump(absl::Time now) const {
  return StateDump("etcd::LeaseState",
                   {{"phase", Name(phase_)},
                    {"under_way", Name(under_way_)},
                    {"asked_at", When(asked_at_, now)},
                    {"lease", absl::StrCat(absl::Hex(lease_))},
                    {"ttl", ttl_},
                    {"lease_ends", When(lease_ends_, now)},
                    {"keep_alive_at", When(keep_alive_at_, now)},
                    {"claim_at", When(claim_at_, now)},
                    {"retry_at", When(retry_at_, now)},
                    {"stale", stale_},
                    {"leaving", leaving_},
                    {"revokes_left", revokes_left_},
                    {"leases_lost", leases_lost_},
                    {"failures", failures_}});
}

}  // namespace msgproc::etcd
