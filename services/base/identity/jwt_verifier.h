#ifndef MSGPROC_SERVICES_BASE_IDENTITY_JWT_VERIFIER_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_JWT_VERIFIER_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/identity/jwk_set.h"
#include "services/base/identity/principal.h"

namespace msgproc::base {

// Says whose a JSON Web Token (RFC 7519) is. A value: the keys, and what is
// asked of a token; as good for many threads as for one.
//
// The key decides about the algorithm and never the token (RFC 8725): "none" is
// refused, and so is HS256 with a public key as its secret. The token's own
// hints where keys may be found (jku, x5u, jwk) are not followed.
class JwtVerifier {
 public:
  // A longer token is refused before anything of it is decoded.
  static constexpr size_t kMaxTokenBytes = 16 << 10;
  // How far ahead of ours the issuer's clock may be: for `nbf` only. A token
  // whose `exp` has come is refused at once, and one without `exp` always is.
  static constexpr absl::Duration kLeeway = absl::Seconds(60);

  struct Expected {
    // Empty: not looked at.
    std::string issuer;
    std::string audience;
  };

  JwtVerifier(JwkSet keys, Expected expected)
      : keys_(std::move(keys)), expected_(std::move(expected)) {}

  // UNAUTHENTICATED, saying what is wrong, without the token.
  absl::StatusOr<Principal> Verify(absl::string_view token,
                                   absl::Time now) const;

  // Whether a token of this principal, verified before, could be verified
  // still: its time is not over, and its key is among the keys.
  absl::Status Recheck(const Principal& principal, absl::Time now) const;

  const JwkSet& keys() const { return keys_; }

 private:
  JwkSet keys_;
  Expected expected_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_JWT_VERIFIER_H_
