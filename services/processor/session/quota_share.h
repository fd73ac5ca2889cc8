#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_QUOTA_SHARE_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_QUOTA_SHARE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/processor/session/principal_quota.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// What one session uses of its principal's quota, if there is one. Its own lock
// guards it.
class QuotaShare {
 public:
  QuotaShare() = default;
  QuotaShare(const QuotaShare&) = delete;
  QuotaShare& operator=(const QuotaShare&) = delete;
  ~QuotaShare() { Set(nullptr); }

  bool limited() const { return quota_ != nullptr; }

  // What holds from here on; null: no limits.
  void Set(std::shared_ptr<PrincipalQuota> quota) {
    if (quota_ == quota) return;
    const size_t held = held_;
    Hold(0);
    quota_ = std::move(quota);
    Hold(held);
  }

  // Counts a stream, unless one is counted, and with `session` a session.
  // RESOURCE_EXHAUSTED: the principal may have no more.
  absl::Status Take(bool session) {
    if (quota_ == nullptr) return absl::OkStatus();
    if (session && !session_.taken()) {
      auto slot = quota_->TakeSession();
      if (!slot.ok()) return slot.status();
      session_ = *std::move(slot);
    }
    if (stream_.taken()) return absl::OkStatus();
    auto slot = quota_->TakeStream();
    if (!slot.ok()) return slot.status();
    stream_ = *std::move(slot);
    return absl::OkStatus();
  }
  void LeaveStream() { stream_ = PrincipalQuota::Slot(); }

  // Of results.
  void Hold(size_t bytes) {
    if (quota_ == nullptr || bytes == held_) return;
    quota_->Hold(static_cast<int64_t>(bytes) -
                 static_cast<int64_t>(std::exchange(held_, bytes)));
  }

  // As of PrincipalQuota.
  uint64_t Admit(const std::shared_ptr<QuotaWaiter>& session, absl::Time now,
                 bool unbound) {
    return quota_ == nullptr ? UINT64_MAX
                             : quota_->Admit(session, now, unbound);
  }
  void Charge(uint64_t messages, absl::Span<const wire::Piece> pieces,
              absl::Time now) {
    if (quota_ == nullptr) return;
    size_t bytes = 0;
    for (const wire::Piece& piece : pieces) bytes += piece.size;
    quota_->Charge(messages, bytes, now);
  }

 private:
  std::shared_ptr<PrincipalQuota> quota_;
  size_t held_ = 0;
  PrincipalQuota::Slot session_;
  PrincipalQuota::Slot stream_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_QUOTA_SHARE_H_
