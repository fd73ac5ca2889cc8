#include "services/processor/session/principal_quotas.h"

#include <algorithm>
#include <iterator>

namespace msgproc::processor {
namespace {

// How long the thread sleeps: a rate is held on average over a second, so it
// need not be exact to the microsecond.
constexpr absl::Duration kShortest = absl::Milliseconds(1);
// A clock that tests move is looked at again.
constexpr absl::Duration kLongest = absl::Milliseconds(50);

}  // namespace

void PrincipalQuotas::Stop() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  changed_.SignalAll();
  if (thread.joinable()) thread.join();
}

std::shared_ptr<PrincipalQuota> PrincipalQuotas::For(
    const base::Principal& principal, const base::AccessLimits& limits) {
  std::shared_ptr<PrincipalQuota> quota;
  {
    MutexLock lock(&mutex_);
    const Key key(principal.source, principal.name);
    auto found = quotas_.find(key);
    if (found != quotas_.end()) quota = found->second.lock();
    if (quota == nullptr) {
      if (limits == base::AccessLimits()) return nullptr;
      ForgetExpired();
      quota = std::make_shared<PrincipalQuota>(std::string(principal.Shown()),
                                               [this] { OnWait(); });
      quotas_[key] = quota;
    }
  }
  quota->SetLimits(limits);
  return quota;
}

// Principals come and go: those that are gone are looked for whenever there are
// twice as many as were left the last time.
void PrincipalQuotas::ForgetExpired() {
  if (quotas_.size() < forget_at_) return;
  for (auto it = quotas_.begin(); it != quotas_.end();) {
    it = it->second.expired() ? quotas_.erase(it) : std::next(it);
  }
  forget_at_ = std::max<size_t>(64, 2 * quotas_.size());
}

void PrincipalQuotas::OnWait() {
  MutexLock lock(&mutex_);
  waited_ = true;
  if (!thread_.joinable() && !stopping_) {
    thread_ = std::thread([this] { Run(); });
  }
  changed_.SignalAll();
}

std::vector<std::shared_ptr<PrincipalQuota>> PrincipalQuotas::Living() {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<PrincipalQuota>> living;
  for (const auto& [key, weak] : quotas_) {
    if (auto quota = weak.lock()) living.push_back(std::move(quota));
  }
  return living;
}

void PrincipalQuotas::Run() {
  while (true) {
    absl::Time next = absl::InfiniteFuture();
    const absl::Time now = clock_->Now();
    for (const auto& quota : Living()) next = std::min(next, quota->Wake(now));
    MutexLock lock(&mutex_);
    if (next != absl::InfiniteFuture()) {
      if (!stopping_) {
        changed_.WaitFor(&mutex_, std::clamp(next - now, kShortest, kLongest));
      }
    } else {
      while (!waited_ && !stopping_) changed_.Wait(&mutex_);
    }
    waited_ = false;
    if (stopping_) return;
  }
}

}  // namespace msgproc::processor
