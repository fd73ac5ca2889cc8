#include "services/base/testing/jwt_issuer.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::base {
namespace {

using nlohmann::json;

constexpr int kCoordinateBytes = 32;

std::string Base64Url(const std::string& bytes) {
  return absl::WebSafeBase64Escape(bytes);
}

std::string Number(const EVP_PKEY* key, const char* name, int bytes = 0) {
  BIGNUM* number = nullptr;
  MSGPROC_CHECK_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1);
  std::string out(bytes > 0 ? bytes : BN_num_bytes(number), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()),
               static_cast<int>(out.size()));
  BN_free(number);
  return Base64Url(out);
}

// Two numbers one behind the other (RFC 7518, 3.4), of OpenSSL's DER.
std::string RawEcdsa(const std::string& der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* signature =
      d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size()));  // NOLINT
  MSGPROC_CHECK(signature != nullptr);
  std::string raw(2 * kCoordinateBytes, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, kCoordinateBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + kCoordinateBytes,
               kCoordinateBytes);
  ECDSA_SIG_free(signature);
  return raw;
}

const char* AlgorithmOf(JwtIssuer::Kind kind) {
  switch (kind) {
    case JwtIssuer::Kind::kRsa:
      return "RS256";
    case JwtIssuer::Kind::kEc:
      return "ES256";
    default:
      return "EdDSA";
  }
}

std::string Signed(const json& header, const json& claims) {
  return absl::StrCat(Base64Url(header.dump()), ".", Base64Url(claims.dump()));
}

}  // namespace

void JwtIssuer::FreeKey::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

JwtIssuer::JwtIssuer(Kind kind, std::string kid, int rsa_bits)
    : kind_(kind), kid_(std::move(kid)) {
  switch (kind) {
    case Kind::kRsa:
      key_.reset(EVP_RSA_gen(rsa_bits));
      break;
    case Kind::kEc:
      key_.reset(EVP_EC_gen("P-256"));
      break;
    case Kind::kEd25519:
      key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
  }
  MSGPROC_CHECK(key_ != nullptr);
}

json JwtIssuer::PublicJwk() const {
  json jwk;
  switch (kind_) {
    case Kind::kRsa:
      jwk = {{"kty", "RSA"},
             {"n", Number(key_.get(), OSSL_PKEY_PARAM_RSA_N)},
             {"e", Number(key_.get(), OSSL_PKEY_PARAM_RSA_E)}};
      break;
    case Kind::kEc:
      jwk = {
          {"kty", "EC"},
          {"crv", "P-256"},
          {"x", Number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, kCoordinateBytes)},
          {"y",
           Number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinateBytes)}};
      break;
    case Kind::kEd25519: {
      std::string raw(32, '\0');
      size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(
          key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      jwk = {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", Base64Url(raw)}};
      break;
    }
  }
  if (!kid_.empty()) jwk["kid"] = kid_;
  return jwk;
}

json JwtIssuer::PrivateJwk() const {
  json jwk = PublicJwk();
  jwk["d"] = "c2VjcmV0";
  return jwk;
}

std::string JwtIssuer::PublicPem() const {
  BIO* const out = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(out, key_.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);  // NOLINT
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(out);
  return pem;
}

std::string JwtIssuer::Sign(const std::string& text) const {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const EVP_MD* const hash = kind_ == Kind::kEd25519 ? nullptr : EVP_sha256();
  MSGPROC_CHECK_EQ(
      EVP_DigestSignInit(context, nullptr, hash, nullptr, key_.get()), 1);
  const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
  size_t size = 0;
  MSGPROC_CHECK_EQ(EVP_DigestSign(context, nullptr, &size, data, text.size()),
                   1);
  std::string signature(size, '\0');
  MSGPROC_CHECK_EQ(
      EVP_DigestSign(context,
                     reinterpret_cast<unsigned char*>(signature.data()), &size,
                     data, text.size()),
      1);
  signature.resize(size);
  EVP_MD_CTX_free(context);
  return kind_ == Kind::kEc ? RawEcdsa(signature) : signature;
}

std::string JwtIssuer::Token(const json& claims, const json& header) const {
  json whole = {{"alg", AlgorithmOf(kind_)}, {"typ", "JWT"}};
  if (!kid_.empty()) whole["kid"] = kid_;
  if (header.is_object()) whole.update(header);
  const std::string text = Signed(whole, claims);
  return absl::StrCat(text, ".", Base64Url(Sign(text)));
}

std::string JwtIssuer::Unsigned(const json& header, const json& claims) {
  return absl::StrCat(Signed(header, claims), ".");
}

std::string JwtIssuer::HmacSigned(const json& header, const json& claims,
                                  const std::string& secret) {
  const std::string text = Signed(header, claims);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       hash.data(), &size);
  return absl::StrCat(
      text, ".", Base64Url({reinterpret_cast<const char*>(hash.data()), size}));
}

std::string JwksText(const std::vector<json>& keys) {
  json set;
  set["keys"] = keys;
  return set.dump();
}

json GoodClaims(absl::Time now) {
  return {{"sub", "alice"},
          {"iss", "issuer"},
          {"aud", "audience"},
          {"exp", absl::ToUnixSeconds(now) + 3600}};
}

}  // namespace msgproc::base
