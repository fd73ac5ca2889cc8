#include "services/base/identity/jwk_set.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/base/identity/escaped.h"
#include "services/base/identity/jose.h"
#include "services/base/identity/strict_json.h"

namespace msgproc::base {
namespace {

using nlohmann::json;

constexpr unsigned int kMinRsaBits = 2048;

// Of a kind of keys: what they are good for here, and what makes one of them.
struct KeyKind {
  const char* type;
  const char* curve;  // Null: the type has none.
  const char* algorithm;
  std::vector<const char*> members;
};

const std::vector<KeyKind>& Kinds() {
  static const auto* const kinds = new std::vector<KeyKind>{
      {"RSA", nullptr, "RS256", {"kty", "n", "e"}},
      {"EC", "P-256", "ES256", {"kty", "crv", "x", "y"}},
      {"OKP", "Ed25519", "EdDSA", {"kty", "crv", "x"}},
  };
  return *kinds;
}

// Empty: it is not there, or no string.
std::string Text(const json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return "";
  return member->get<std::string>();
}

bool Has(const json& object, const char* name) {
  return object.find(name) != object.end();
}

bool IsForVerifying(const json& key) {
  if (Has(key, "use") && Text(key, "use") != "sig") return false;
  const auto operations = key.find("key_ops");
  if (operations == key.end()) return true;
  return operations->is_array() &&
         std::find(operations->begin(), operations->end(), json("verify")) !=
             operations->end();
}

// Null: not one that is used here.
const KeyKind* KindOf(const json& key) {
  for (const KeyKind& kind : Kinds()) {
    if (Text(key, "kty") != kind.type) continue;
    if (kind.curve != nullptr && Text(key, "crv") != kind.curve) continue;
    if (Has(key, "alg") && Text(key, "alg") != kind.algorithm) continue;
    return &kind;
  }
  return nullptr;
}

// Private halves (RFC 7518) are in "d", whatever the type; a symmetric key is
// in "k".
bool IsSecret(const json& key) {
  return Has(key, "d") || Has(key, "k") || Text(key, "kty") == "oct";
}

absl::StatusOr<VerificationKey> ReadKey(const json& object,
                                        const KeyKind& kind) {
  VerificationKey key;
  key.kid = Text(object, "kid");
  key.algorithm = kind.algorithm;
  json essential = json::object();
  for (const char* member : kind.members) {
    if (Text(object, member).empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("has no \"", member, "\""));
    }
    essential[member] = object[member];
  }
  key.jwk = essential.dump();
  const std::optional<JoseKey> read = ReadJwk(key.jwk);
  if (!read.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is no ", kind.type, " key that can be read"));
  }
  if (kind.curve == nullptr && read->bits < kMinRsaBits) {
    return absl::InvalidArgumentError(
        absl::StrCat("is an RSA key of ", read->bits, " bits; at least ",
                     kMinRsaBits, " are needed"));
  }
  key.thumbprint = read->thumbprint;
  return key;
}

}  // namespace

absl::StatusOr<JwkSet> JwkSet::Parse(const FileText& file) {
  const auto wrong = [&file](const absl::AlphaNum& what) {
    return absl::InvalidArgumentError(absl::StrCat(file.path, what.Piece()));
  };
  const json set = ParseJsonObject(file.text);
  if (set.is_discarded() || !Has(set, "keys") || !set["keys"].is_array()) {
    return wrong(
        " is no JSON Web Key Set: a JSON object with the array \"keys\" is");
  }
  std::vector<VerificationKey> keys;
  for (size_t i = 0; i < set["keys"].size(); ++i) {
    const json& object = set["keys"][i];
    const std::string which = absl::StrCat(": key ", i + 1, " (kid ",
                                           Escaped(Text(object, "kid")), ") ");
    if (!object.is_object()) return wrong(absl::StrCat(which, "is no object"));
    if (IsSecret(object)) {
      return wrong(absl::StrCat(
          which,
          "is a private or a symmetric key. Whoever can read this file could "
          "sign tokens: take it for leaked, replace it at the issuer, and put "
          "only public keys here"));
    }
    const KeyKind* const kind = KindOf(object);
    if (kind == nullptr || !IsForVerifying(object)) continue;
    absl::StatusOr<VerificationKey> key = ReadKey(object, *kind);
    if (!key.ok()) return wrong(absl::StrCat(which, key.status().message()));
    const bool known = std::any_of(
        keys.begin(), keys.end(), [&key](const VerificationKey& other) {
          return other.kid == key->kid && other.algorithm == key->algorithm &&
                 !key->kid.empty();
        });
    if (known) return wrong(absl::StrCat(which, "has the kid of another one"));
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) {
    return wrong(
        " has no key to check signatures with: RSA (RS256), EC on P-256 "
        "(ES256) and OKP on Ed25519 (EdDSA) are taken");
  }
  return JwkSet(std::move(keys));
}

absl::StatusOr<const VerificationKey*> JwkSet::Choose(
    absl::string_view algorithm, const std::string* kid) const {
  const bool known = std::any_of(
      Kinds().begin(), Kinds().end(),
      [algorithm](const KeyKind& kind) { return algorithm == kind.algorithm; });
  if (!known) {
    return absl::UnauthenticatedError(
        absl::StrCat("the token's alg is ", Escaped(algorithm),
                     "; RS256, ES256 and EdDSA are taken"));
  }
  const VerificationKey* chosen = nullptr;
  bool has_kid = false;
  for (const VerificationKey& key : keys_) {
    if (kid != nullptr && key.kid != *kid) continue;
    has_kid = true;
    if (key.algorithm != algorithm) continue;
    if (chosen != nullptr) {
      return absl::UnauthenticatedError(absl::StrCat(
          "the token has no kid, and the server knows several keys for ",
          algorithm));
    }
    chosen = &key;
  }
  if (chosen != nullptr) return chosen;
  if (kid != nullptr && !has_kid) {
    return absl::UnauthenticatedError(
        absl::StrCat("the server does not know the token's key (kid ",
                     Escaped(*kid), "); has it been rotated?"));
  }
  return absl::UnauthenticatedError(absl::StrCat(
      "the token's key is not one for its alg, ", Escaped(algorithm)));
}

bool JwkSet::HasThumbprint(absl::string_view thumbprint) const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [thumbprint](const VerificationKey& key) {
                       return key.thumbprint == thumbprint;
                     });
}

}  // namespace msgproc::base
