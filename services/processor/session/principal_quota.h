#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_QUOTA_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_QUOTA_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/identity/access_limits.h"
#include "services/processor/session/rate_limiter.h"

namespace msgproc::processor {

// A session that waits until its principal may have more processed.
class QuotaWaiter {
 public:
  virtual ~QuotaWaiter() = default;
  // It may be its turn: ask Admit. On a thread of the quotas' own.
  virtual void OnQuota() = 0;
};

// What one principal uses of a server, and what it may: streams and sessions
// beyond their limits are refused; messages and bytes beyond their rates wait,
// in the order in which their sessions have begun to wait, so that none
// starves. Thread-safe. Shared by the principal's sessions.
class PrincipalQuota : public std::enable_shared_from_this<PrincipalQuota> {
 public:
  // One stream or session that counts, until it is destroyed.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept { *this = std::move(other); }
    Slot& operator=(Slot&& other) noexcept {
      std::swap(quota_, other.quota_);
      std::swap(count_, other.count_);
      return *this;
    }
    ~Slot() {
      if (quota_ != nullptr) quota_->Leave(count_);
    }

    bool taken() const { return quota_ != nullptr; }

   private:
    friend class PrincipalQuota;
    Slot(std::shared_ptr<PrincipalQuota> quota, uint64_t* count)
        : quota_(std::move(quota)), count_(count) {}

    std::shared_ptr<PrincipalQuota> quota_;
    uint64_t* count_ = nullptr;
  };

  // `principal`: for people. `on_wait` is called, with no lock held, when a
  // session begins to wait: call Wake at Next from then on.
  PrincipalQuota(std::string principal, std::function<void()> on_wait)
      : principal_(std::move(principal)), on_wait_(std::move(on_wait)) {}

  // From here on. What is there already stays.
  void SetLimits(const base::AccessLimits& limits) MSGPROC_EXCLUDES(mutex_);

  // RESOURCE_EXHAUSTED, naming the limit, its value and the principal.
  absl::StatusOr<Slot> TakeStream() MSGPROC_EXCLUDES(mutex_);
  absl::StatusOr<Slot> TakeSession() MSGPROC_EXCLUDES(mutex_);

  // How many messages of a session may go to its handler now. 0: none, and
  // OnQuota is called once more may, if it is still there. `unbound`: what it
  // holds cannot become less by its client, and it need not wait for that.
  uint64_t Admit(const std::shared_ptr<QuotaWaiter>& session, absl::Time now,
                 bool unbound) MSGPROC_EXCLUDES(mutex_);
  // They have gone.
  void Charge(uint64_t messages, size_t bytes, absl::Time now)
      MSGPROC_EXCLUDES(mutex_);

  // What a session holds of results has changed.
  void Hold(int64_t bytes) {
    held_.fetch_add(bytes, std::memory_order_relaxed);
  }

  // Lets sessions go on that wait, while there is room. Returns when to call it
  // again; InfiniteFuture: nobody waits.
  absl::Time Wake(absl::Time now) MSGPROC_EXCLUDES(mutex_);

 private:
  absl::StatusOr<Slot> Take(const char* what, uint64_t limit, uint64_t* count)
      MSGPROC_REQUIRES(mutex_);
  void Leave(uint64_t* count) MSGPROC_EXCLUDES(mutex_);
  bool HasRoom(absl::Time now) const MSGPROC_REQUIRES(mutex_) {
    return messages_.Room(now) >= 1 && bytes_.Room(now) >= 1;
  }
  bool HoldsTooMuch() const MSGPROC_REQUIRES(mutex_) {
    return limits_.outstanding_bytes > 0 &&
           held_.load(std::memory_order_relaxed) >
               static_cast<int64_t>(limits_.outstanding_bytes);
  }

  const std::string principal_;
  const std::function<void()> on_wait_;
  std::atomic<int64_t> held_{0};

  Mutex mutex_;
  base::AccessLimits limits_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t streams_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t sessions_ MSGPROC_GUARDED_BY(mutex_) = 0;
  RateLimiter messages_ MSGPROC_GUARDED_BY(mutex_);
  RateLimiter bytes_ MSGPROC_GUARDED_BY(mutex_);
  std::deque<std::weak_ptr<QuotaWaiter>> waiting_ MSGPROC_GUARDED_BY(mutex_);
  // Of those that wait, whose turn it is.
  const QuotaWaiter* turn_ MSGPROC_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_QUOTA_H_
