#include "services/processor/session/principal_quota.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/quoted.h"
#include "services/processor/session/refusal.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kLookAgain = absl::Milliseconds(50);

}  // namespace

void PrincipalQuota::SetLimits(const base::AccessLimits& limits) {
  MutexLock lock(&mutex_);
  if (limits == limits_) return;
  limits_ = limits;
  messages_.SetRate(limits.messages_per_second);
  bytes_.SetRate(limits.bytes_per_second);
}

absl::StatusOr<PrincipalQuota::Slot> PrincipalQuota::TakeStream() {
  MutexLock lock(&mutex_);
  return Take("streams", limits_.streams, &streams_);
}

absl::StatusOr<PrincipalQuota::Slot> PrincipalQuota::TakeSession() {
  MutexLock lock(&mutex_);
  return Take("sessions", limits_.sessions, &sessions_);
}

absl::StatusOr<PrincipalQuota::Slot> PrincipalQuota::Take(const char* what,
                                                          uint64_t limit,
                                                          uint64_t* count) {
  if (limit > 0 && *count >= limit) {
    return Marked(Refusal::kQuota,
                  absl::ResourceExhaustedError(absl::StrCat(
                      Quoted(principal_), " has ", *count, " ", what,
                      "; its limit, from the access file, is ", limit, ".")));
  }
  ++*count;
  return Slot(shared_from_this(), count);
}

void PrincipalQuota::Leave(uint64_t* count) {
  MutexLock lock(&mutex_);
  MSGPROC_CHECK_GT(*count, 0U);
  --*count;
}

uint64_t PrincipalQuota::Admit(const std::shared_ptr<QuotaWaiter>& session,
                               absl::Time now, bool unbound) {
  {
    MutexLock lock(&mutex_);
    const bool first = waiting_.empty() || turn_ == session.get() || unbound;
    if (first && HasRoom(now) && (unbound || !HoldsTooMuch())) {
      // Those who wait have their share of what there is.
      const double share =
          messages_.Room(now) / static_cast<double>(waiting_.size() + 1);
      return static_cast<uint64_t>(std::clamp(share, 1.0, 1e9));
    }
    const bool waits =
        std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& other) {
          return !other.owner_before(session) && !session.owner_before(other);
        });
    if (waits) return 0;
    waiting_.push_back(session);
  }
  on_wait_();
  return 0;
}

void PrincipalQuota::Charge(uint64_t messages, size_t bytes, absl::Time now) {
  MutexLock lock(&mutex_);
  messages_.Take(static_cast<double>(messages), now);
  bytes_.Take(static_cast<double>(bytes), now);
}

absl::Time PrincipalQuota::Wake(absl::Time now) {
  size_t waiting = 0;
  {
    MutexLock lock(&mutex_);
    waiting = waiting_.size();
  }
  // Each once: those for whom it is still too early wait anew.
  for (; waiting > 0; --waiting) {
    std::shared_ptr<QuotaWaiter> next;
    {
      MutexLock lock(&mutex_);
      if (!HasRoom(now)) break;
      next = waiting_.front().lock();
      waiting_.pop_front();
      turn_ = next.get();
    }
    if (next == nullptr) continue;  // It is gone.
    next->OnQuota();
    MutexLock lock(&mutex_);
    turn_ = nullptr;
  }
  MutexLock lock(&mutex_);
  if (waiting_.empty()) return absl::InfiniteFuture();
  if (!HasRoom(now)) return std::max(messages_.Next(), bytes_.Next());
  // Somebody's acknowledgement is waited for: it may come at any time.
  return now + kLookAgain;
}

}  // namespace msgproc::processor
