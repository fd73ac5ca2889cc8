#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_QUOTAS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_QUOTAS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "services/base/identity/access_limits.h"
#include "services/base/identity/principal.h"
#include "services/processor/session/principal_quota.h"

namespace msgproc::processor {

// The quotas of the principals that a server has, and the one thread that lets
// sessions go on which wait for theirs; it begins with the first that waits.
// Thread-safe. Outlives the quotas' sessions.
class PrincipalQuotas {
 public:
  // `clock` outlives it.
  explicit PrincipalQuotas(const Clock* clock) : clock_(clock) {}
  ~PrincipalQuotas() { Stop(); }

  // Nobody is let go on from here on; no session is called once it returns.
  void Stop() MSGPROC_EXCLUDES(mutex_);

  // A principal's quota, with these limits from here on. All anonymous clients
  // are one principal. Null: there is nothing to limit.
  std::shared_ptr<PrincipalQuota> For(const base::Principal& principal,
                                      const base::AccessLimits& limits)
      MSGPROC_EXCLUDES(mutex_);

 private:
  using Key = std::pair<base::Principal::Source, std::string>;

  void ForgetExpired() MSGPROC_REQUIRES(mutex_);
  void OnWait() MSGPROC_EXCLUDES(mutex_);
  void Run() MSGPROC_EXCLUDES(mutex_);
  std::vector<std::shared_ptr<PrincipalQuota>> Living()
      MSGPROC_EXCLUDES(mutex_);

  const Clock* const clock_;

  Mutex mutex_;
  CondVar changed_;
  std::map<Key, std::weak_ptr<PrincipalQuota>> quotas_
      MSGPROC_GUARDED_BY(mutex_);
  size_t forget_at_ MSGPROC_GUARDED_BY(mutex_) = 64;
  bool waited_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_QUOTAS_H_
