#include "services/base/identity/jose.h"

#include <rhonabwy.h>

#include <memory>

#include "common/check.h"

namespace msgproc::base {
namespace {

struct FreeJwk {
  void operator()(jwk_t* jwk) const { r_jwk_free(jwk); }
};
struct FreeJws {
  void operator()(jws_t* jws) const { r_jws_free(jws); }
};
struct FreeText {
  void operator()(char* text) const { r_free(text); }
};
using Jwk = std::unique_ptr<jwk_t, FreeJwk>;

void InitOnce() {
  static const bool initialized = [] {
    const int result = r_global_init();
    MSGPROC_CHECK_EQ(result, RHN_OK);
    return true;
  }();
  static_cast<void>(initialized);
}

// Null: it is none.
Jwk Import(const std::string& text) {
  InitOnce();
  jwk_t* made = nullptr;
  if (r_jwk_init(&made) != RHN_OK) return nullptr;
  Jwk jwk(made);
  if (r_jwk_import_from_json_str(jwk.get(), text.c_str()) != RHN_OK) {
    return nullptr;
  }
  return jwk;
}

}  // namespace

std::optional<JoseKey> ReadJwk(const std::string& text) {
  const Jwk jwk = Import(text);
  if (jwk == nullptr) return std::nullopt;
  JoseKey key;
  const int type = r_jwk_key_type(jwk.get(), &key.bits, R_FLAG_IGNORE_REMOTE);
  if ((type & R_KEY_TYPE_PUBLIC) == 0) return std::nullopt;
  const std::unique_ptr<char, FreeText> thumbprint(
      r_jwk_thumbprint(jwk.get(), R_JWK_THUMB_SHA256, R_FLAG_IGNORE_REMOTE));
  if (thumbprint == nullptr) return std::nullopt;
  key.thumbprint = thumbprint.get();
  return key;
}

bool SignatureMatches(const std::string& token, const std::string& jwk_text) {
  const Jwk jwk = Import(jwk_text);
  if (jwk == nullptr) return false;
  jws_t* made = nullptr;
  if (r_jws_init(&made) != RHN_OK) return false;
  const std::unique_ptr<jws_t, FreeJws> jws(made);
  return r_jws_advanced_compact_parse(jws.get(), token.c_str(), R_PARSE_NONE,
                                      R_FLAG_IGNORE_REMOTE) == RHN_OK &&
         r_jws_verify_signature(jws.get(), jwk.get(), R_FLAG_IGNORE_REMOTE) ==
             RHN_OK;
}

}  // namespace msgproc::base
