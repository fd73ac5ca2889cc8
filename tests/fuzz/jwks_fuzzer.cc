// A JSON Web Key Set: no key in it is secret, and each that is taken can be
// used.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "common/check.h"
#include "common/utf8.h"
#include "nlohmann/json.hpp"
#include "services/base/identity/jwk_set.h"

namespace msgproc::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto set = base::JwkSet::Parse({"jwks.json", text});
  if (!set.ok()) {
    MSGPROC_CHECK(absl::IsInvalidArgument(set.status()));
    MSGPROC_CHECK(absl::StartsWith(set.status().message(), "jwks.json"));
    MSGPROC_CHECK(IsUtf8(set.status().message()));
    return 0;
  }
  MSGPROC_CHECK(!set->keys().empty());
  const nlohmann::json file = nlohmann::json::parse(text);
  for (const nlohmann::json& key : file.at("keys")) {
    MSGPROC_CHECK(!key.contains("d") && !key.contains("k"));
  }
  std::set<std::pair<std::string, std::string>> names;
  for (const base::VerificationKey& key : set->keys()) {
    MSGPROC_CHECK_EQ(key.thumbprint.size(), 43U);
    MSGPROC_CHECK(set->HasThumbprint(key.thumbprint));
    MSGPROC_CHECK(nlohmann::json::parse(key.jwk).is_object());
    if (key.kid.empty()) continue;
    MSGPROC_CHECK(names.emplace(key.kid, key.algorithm).second);
    const auto chosen = set->Choose(key.algorithm, &key.kid);
    MSGPROC_CHECK(chosen.ok());
    MSGPROC_CHECK_EQ((*chosen)->thumbprint, key.thumbprint);
  }
  return 0;
}

}  // namespace msgproc::fuzz
