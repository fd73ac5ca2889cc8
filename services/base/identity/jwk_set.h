#ifndef MSGPROC_SERVICES_BASE_IDENTITY_JWK_SET_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_JWK_SET_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/file_text.h"

namespace msgproc::base {

// A public key that signatures are checked with.
struct VerificationKey {
  // May be empty.
  std::string kid;
  // The one algorithm that it is used with: "RS256", "ES256" or "EdDSA".
  std::string algorithm;
  // The key itself as JSON, in the canonical form of RFC 7638.
  std::string jwk;
  // Of that, SHA-256, as RFC 7638 has it: names the key whatever its kid.
  std::string thumbprint;
};

// The keys of a JSON Web Key Set (RFC 7517). A value.
//
// A key's type says its algorithm: RSA of at least 2048 bits RS256, EC on P-256
// ES256, OKP on Ed25519 EdDSA. Keys for anything else (another curve, another
// `alg`, `use` other than "sig") are passed over, as issuers publish keys for
// encryption beside those for signatures.
class JwkSet {
 public:
  // INVALID_ARGUMENT, naming the file and the key: no JWKS; a private or a
  // symmetric key in it, which has no business here and must be considered
  // leaked; a kid twice; a key that cannot be read or is too short; no key that
  // is of use.
  static absl::StatusOr<JwkSet> Parse(const FileText& file);

  // The key for a token whose header has this `alg` and `kid`.
  // Without a kid (null) it is the only one of the algorithm. UNAUTHENTICATED,
  // saying what is wrong with the header.
  absl::StatusOr<const VerificationKey*> Choose(absl::string_view algorithm,
                                                const std::string* kid) const;

  bool HasThumbprint(absl::string_view thumbprint) const;

  const std::vector<VerificationKey>& keys() const { return keys_; }

 private:
  explicit JwkSet(std::vector<VerificationKey> keys) : keys_(std::move(keys)) {}

  std::vector<VerificationKey> keys_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_JWK_SET_H_
