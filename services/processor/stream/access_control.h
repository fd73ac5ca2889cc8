#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_ACCESS_CONTROL_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_ACCESS_CONTROL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/identity/access_file.h"
#include "services/base/identity/access_limits.h"
#include "services/base/identity/authenticator.h"
#include "services/base/identity/principal.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace msgproc::processor {

// What streams ask about their clients: who they are, what they may, and
// whether that still holds. Thread-safe.
class AccessControl {
 public:
  struct Options {
    // Null: nobody is asked who it is.
    std::shared_ptr<base::Authenticator> authenticator;
    // Null: everybody may everything.
    std::shared_ptr<base::AccessFile> file;
  };

  explicit AccessControl(Options options);

  // Whom a call is from. UNAUTHENTICATED.
  absl::StatusOr<base::Principal> Authenticate(
      const grpc::ServerContextBase& call) const;

  // Who `principal` is after it has shown a fresh token. UNAUTHENTICATED;
  // PERMISSION_DENIED: it is somebody else. Where no tokens are taken it is who
  // it was.
  absl::StatusOr<base::Principal> Refresh(const base::Principal& principal,
                                          absl::string_view token) const;

  // Whether a client may use `handler`. PERMISSION_DENIED.
  absl::Status MayUse(const base::Principal& principal,
                      absl::string_view handler) const;

  // What it may use, with whatever handler.
  base::AccessLimits LimitsOf(const base::Principal& principal) const;

  // Whether an open stream may go on. UNAUTHENTICATED, PERMISSION_DENIED.
  absl::Status Recheck(const base::Principal& principal,
                       absl::string_view handler) const;

  // How long the client's credentials hold; InfiniteDuration: they have no end.
  absl::Duration TimeLeft(const base::Principal& principal) const;

  // Another one whenever other keys or rules are in use: Recheck what is open.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  // Null: there are none.
  std::shared_ptr<const base::AccessRules> Rules() const;

  const Options options_;
  std::atomic<uint64_t> version_{0};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_ACCESS_CONTROL_H_
