#ifndef MSGPROC_SERVICES_BASE_TESTING_JWT_ISSUER_H_
#define MSGPROC_SERVICES_BASE_TESTING_JWT_ISSUER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"

struct evp_pkey_st;  // EVP_PKEY

namespace msgproc::base {

// Signs tokens for tests, by OpenSSL: another library than the one tested.
class JwtIssuer {
 public:
  enum class Kind { kRsa, kEc, kEd25519 };

  explicit JwtIssuer(Kind kind, std::string kid = "test-key",
                     int rsa_bits = 2048);

  // The public key as a JWK, with its kid where that is not empty.
  nlohmann::json PublicJwk() const;
  // With the member "d", whatever its value: for what must be refused.
  nlohmann::json PrivateJwk() const;

  // A token with these claims, signed as the kind says. What is in `header`
  // goes into its header in place of the usual.
  std::string Token(const nlohmann::json& claims,
                    const nlohmann::json& header = {}) const;
  // A token without, and one with a made-up signature over header and claims.
  static std::string Unsigned(const nlohmann::json& header,
                              const nlohmann::json& claims);
  static std::string HmacSigned(const nlohmann::json& header,
                                const nlohmann::json& claims,
                                const std::string& secret);
  // The public key as PEM.
  std::string PublicPem() const;

 private:
  std::string Sign(const std::string& text) const;

  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  const Kind kind_;
  const std::string kid_;
  std::unique_ptr<evp_pkey_st, FreeKey> key_;
};

// {"keys":[...]}
std::string JwksText(const std::vector<nlohmann::json>& keys);

// What a good token says: sub "alice", iss "issuer", aud "audience", and an
// hour to go.
nlohmann::json GoodClaims(absl::Time now);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_JWT_ISSUER_H_
