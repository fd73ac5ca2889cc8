// A client's token. Only one with the issuer's signature gets anywhere, so some
// inputs are signed: a header and claims, whatever they are. One that is
// accepted holds, and is for nobody with a name that deceives.
#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/check.h"
#include "common/utf8.h"
#include "services/base/identity/jwk_set.h"
#include "services/base/identity/jwt_verifier.h"
#include "services/base/identity/principal_name.h"
#include "tests/fuzz/input.h"

namespace msgproc::fuzz {
namespace {

constexpr size_t kMostErrorBytes = 1024;
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

std::string Base64Url(absl::string_view bytes) {
  std::string text;
  absl::WebSafeBase64Escape(bytes, &text);
  return text;
}

// The same key in every run, so that an input is the same token.
EVP_PKEY* Key() {
  static EVP_PKEY* const key = [] {
    unsigned char seed[32];
    std::iota(std::begin(seed), std::end(seed), 0);
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed,
                                        sizeof(seed));
  }();
  MSGPROC_CHECK(key != nullptr);
  return key;
}

std::string PublicKey() {
  std::string raw(32, '\0');
  size_t size = raw.size();
  MSGPROC_CHECK_EQ(
      EVP_PKEY_get_raw_public_key(
          Key(), reinterpret_cast<unsigned char*>(raw.data()), &size),
      1);
  return raw;
}

std::string Signed(absl::string_view header, absl::string_view claims) {
  const std::string text =
      absl::StrCat(Base64Url(header), ".", Base64Url(claims));
  std::string signature(64, '\0');
  size_t size = signature.size();
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  MSGPROC_CHECK_EQ(
      EVP_DigestSignInit(context, nullptr, nullptr, nullptr, Key()), 1);
  MSGPROC_CHECK_EQ(
      EVP_DigestSign(
          context, reinterpret_cast<unsigned char*>(signature.data()), &size,
          reinterpret_cast<const unsigned char*>(text.data()), text.size()),
      1);
  EVP_MD_CTX_free(context);
  return absl::StrCat(text, ".", Base64Url(signature));
}

const base::JwtVerifier& Verifier() {
  static const auto* const verifier = [] {
    const auto keys = base::JwkSet::Parse(
        {"jwks.json",
         absl::StrCat(
             R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":")",
             Base64Url(PublicKey()), R"("}]})")});
    MSGPROC_CHECK(keys.ok());
    return new base::JwtVerifier(*keys, {.issuer = "", .audience = "shop"});
  }();
  return *verifier;
}

void CheckAccepted(const base::Principal& principal) {
  MSGPROC_CHECK(principal.source == base::Principal::Source::kToken);
  MSGPROC_CHECK(base::CheckPrincipalName(principal.name).ok());
  MSGPROC_CHECK_GT(principal.expires_at, kNow);
  MSGPROC_CHECK(Verifier().keys().HasThumbprint(principal.key_id));
  MSGPROC_CHECK(Verifier().Recheck(principal, kNow).ok());
  MSGPROC_CHECK_EQ(principal.claims.count("aud"), 1U);
  MSGPROC_CHECK_EQ(principal.claims.count("exp"), 1U);
  for (const auto& [name, list] : principal.list_claims) {
    MSGPROC_CHECK_EQ(principal.claims.count(name), 1U);
  }
  for (const auto& [name, value] : principal.claims) {
    MSGPROC_CHECK(IsUtf8(name) && IsUtf8(value));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const bool is_signed = input.Byte() % 4 != 0;
  std::string token;
  if (is_signed) {
    const absl::string_view header = input.Text();
    token = Signed(header.empty() ? R"({"alg":"EdDSA","kid":"k"})" : header,
                   input.Rest());
  } else {
    token = std::string(input.Rest());
  }
  const auto principal = Verifier().Verify(token, kNow);
  if (principal.ok()) {
    CheckAccepted(*principal);
    // It is not the issuer's any more when a bit of what it signed is another.
    const size_t at = token.find('.') + 1;
    token[at] = token[at] == 'e' ? 'f' : 'e';
    MSGPROC_CHECK(!Verifier().Verify(token, kNow).ok());
    return 0;
  }
  MSGPROC_CHECK(absl::IsUnauthenticated(principal.status()));
  MSGPROC_CHECK_LE(principal.status().message().size(), kMostErrorBytes);
  MSGPROC_CHECK(IsUtf8(principal.status().message()));
  return 0;
}

}  // namespace msgproc::fuzz
