#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PRINCIPAL_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PRINCIPAL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/identity/principal.h"
#include "services/processor/stream/access_control.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace msgproc::processor {

// Who is at the other end of a stream, by what it has shown last. Thread-safe.
class StreamPrincipal {
 public:
  // `access` outlives it.
  explicit StreamPrincipal(const AccessControl* access) : access_(access) {}

  // By what the call came with. UNAUTHENTICATED.
  absl::Status Authenticate(const grpc::ServerContextBase& call);

  // By a fresh token. Returns what is to be said to that, encoded; it may be
  // empty. Errors as of AccessControl::Refresh.
  absl::StatusOr<std::string> Refresh(absl::string_view token);

  // Whether it may still be here, with `handler`.
  absl::Status Recheck(absl::string_view handler) const {
    return access_->Recheck(Get(), handler);
  }

  base::Principal Get() const {
    MutexLock lock(&mutex_);
    return principal_;
  }
  absl::Duration TimeLeft() const { return access_->TimeLeft(Get()); }

 private:
  const AccessControl* const access_;
  mutable Mutex mutex_;
  base::Principal principal_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PRINCIPAL_H_
