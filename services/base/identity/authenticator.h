#ifndef MSGPROC_SERVICES_BASE_IDENTITY_AUTHENTICATOR_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_AUTHENTICATOR_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "services/base/identity/jwt_verifier.h"
#include "services/base/identity/principal.h"
#include "services/base/identity/reloaded_value.h"
#include "services/base/reloaded_files.h"

namespace grpc {
class AuthContext;
class ServerContextBase;
}  // namespace grpc

namespace msgproc::base {

// Says who a client is, by what its connection and its call show. Thread-safe.
class Authenticator {
 public:
  struct Options {
    // A JWKS file, taken anew when it changes; empty: tokens are not asked for.
    std::string jwt_keys;
    // What `iss` and `aud` of a token must be; empty: anything.
    std::string jwt_issuer;
    std::string jwt_audience;
    // A wall clock: tokens end at a date. Null: the system's.
    const Clock* clock = nullptr;
  };

  // Reads the keys. NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT, naming
  // the file and the flag.
  static absl::StatusOr<std::shared_ptr<Authenticator>> Create(Options options);

  // `connection` may be null; `authorization` is all metadata of this name.
  //
  // A token decides, where there is one; else the certificate's name: its first
  // URI SAN, else its first DNS SAN, else its CN; else the client is anonymous.
  // A token where no keys are set is not looked at. UNAUTHENTICATED, saying
  // what to do: a token that is not good, another scheme than Bearer, the
  // header twice, a certificate whose name nobody could read.
  absl::StatusOr<Principal> Authenticate(
      const grpc::AuthContext* connection,
      absl::Span<const absl::string_view> authorization) const;

  // The same of a call: what it came with, over the connection it came by.
  absl::StatusOr<Principal> Authenticate(
      const grpc::ServerContextBase& call) const;

  // For a fresh token on an open stream. UNAUTHENTICATED; FAILED_PRECONDITION:
  // there are no keys to check it with.
  absl::StatusOr<Principal> VerifyToken(absl::string_view token) const;

  // Whether the principal of an open stream is still to be believed.
  // UNAUTHENTICATED: its token has expired, or its key has left the key set.
  absl::Status Recheck(const Principal& principal) const;

  // How long the principal is proven from now on; InfiniteDuration: it has no
  // end.
  absl::Duration TimeLeft(const Principal& principal) const {
    return principal.expires_at - Now();
  }

  // Whether tokens are asked for.
  bool takes_tokens() const { return keys_->has_file(); }

  // As of ReloadedValue, of the keys.
  std::vector<std::shared_ptr<ReloadedFiles>> files() const {
    return keys_->files();
  }
  void OnChange(std::function<void()> changed) {
    keys_->OnChange(std::move(changed));
  }

 private:
  using Keys = ReloadedValue<JwtVerifier>;

  Authenticator(const Clock* clock, std::shared_ptr<Keys> keys)
      : clock_(clock), keys_(std::move(keys)) {}

  absl::Time Now() const;

  const Clock* const clock_;
  const std::shared_ptr<Keys> keys_;
};

// For those who answer nobody anonymous: the error that `principal` is, or
// UNAUTHENTICATED, saying what is asked for. `who`: answers; "server".
absl::Status RefuseAnonymous(const absl::StatusOr<Principal>& principal,
                             absl::string_view who);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_AUTHENTICATOR_H_
