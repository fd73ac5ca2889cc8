#ifndef MSGPROC_SERVICES_BASE_IDENTITY_JOSE_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_JOSE_H_

#include <optional>
#include <string>

// The little of librhonabwy that is used; nobody else sees its types. Nothing
// is kept between calls, so any thread may make them.
namespace msgproc::base {

struct JoseKey {
  std::string thumbprint;  // RFC 7638, SHA-256
  unsigned int bits = 0;
};

// Reads a public key from a JWK, which is JSON; nothing: it is none.
std::optional<JoseKey> ReadJwk(const std::string& text);

// Whether `token`, a JWS in its compact form (RFC 7515), is signed with the
// private half of this key. By the algorithm that the token's header names,
// which the caller has compared with the key's: what else its header has (keys,
// addresses of keys) is not looked at.
bool SignatureMatches(const std::string& token, const std::string& jwk);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_JOSE_H_
