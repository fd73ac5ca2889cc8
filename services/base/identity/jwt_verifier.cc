#include "services/base/identity/jwt_verifier.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/identity/escaped.h"
#include "services/base/identity/jose.h"
#include "services/base/identity/principal_name.h"
#include "services/base/identity/strict_json.h"

namespace msgproc::base {
namespace {

using nlohmann::json;

absl::Status Refused(const absl::AlphaNum& why) {
  return absl::UnauthenticatedError(why.Piece());
}

absl::Status NoToken() {
  return Refused(
      "what was shown is no JSON Web Token: it takes three parts of base64url, "
      "separated by dots");
}

bool IsBase64Url(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
           c == '_';
  });
}

// Of a part that IsBase64Url. Discarded: no object.
json Decode(absl::string_view part) {
  std::string text;
  if (!absl::WebSafeBase64Unescape(part, &text)) {
    return json::value_t::discarded;
  }
  return ParseJsonObject(text);
}

// The claim as a string; nothing: it is not there, or is none.
std::optional<std::string> TextClaim(const json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end() || !claim->is_string()) return std::nullopt;
  return claim->get<std::string>();
}

// A NumericDate; not there: `missing`.
absl::StatusOr<absl::Time> TimeClaim(const json& claims, const char* name,
                                     absl::Time missing) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return missing;
  if (!claim->is_number()) {
    return Refused(absl::StrCat("the token's ", name, " is no number"));
  }
  return absl::UnixEpoch() + absl::Seconds(claim->get<double>());
}

std::string Rounded(absl::Duration duration) {
  return absl::FormatDuration(absl::Ceil(duration, absl::Seconds(1)));
}

absl::StatusOr<absl::Time> CheckTimes(const json& claims, absl::Time now) {
  if (claims.find("exp") == claims.end()) {
    return Refused("the token has no exp: one that never ends is not taken");
  }
  const auto end = TimeClaim(claims, "exp", absl::InfinitePast());
  if (!end.ok()) return end.status();
  if (*end <= now) {
    return Refused(
        absl::StrCat("the token expired ", Rounded(now - *end), " ago"));
  }
  const auto begin = TimeClaim(claims, "nbf", absl::InfinitePast());
  if (!begin.ok()) return begin.status();
  if (*begin > now + JwtVerifier::kLeeway) {
    return Refused(absl::StrCat("the token is not valid yet, but in ",
                                Rounded(*begin - now)));
  }
  return *end;
}

absl::Status CheckIssuer(const json& claims, const std::string& expected) {
  if (expected.empty()) return absl::OkStatus();
  const auto issuer = TextClaim(claims, "iss");
  if (issuer == expected) return absl::OkStatus();
  return Refused(absl::StrCat("the token's issuer (iss) is ",
                              issuer ? Escaped(*issuer) : "missing",
                              "; it takes ", Escaped(expected)));
}

absl::Status CheckAudience(const json& claims, const std::string& expected) {
  if (expected.empty()) return absl::OkStatus();
  const auto audience = claims.find("aud");
  if (audience != claims.end()) {
    if (*audience == json(expected)) return absl::OkStatus();
    if (audience->is_array() && std::find(audience->begin(), audience->end(),
                                          json(expected)) != audience->end()) {
      return absl::OkStatus();
    }
  }
  return Refused(absl::StrCat("the token is not for this audience (aud): it ",
                              "takes ", Escaped(expected)));
}

absl::StatusOr<Principal> ToPrincipal(const json& claims) {
  Principal principal;
  principal.source = Principal::Source::kToken;
  const auto subject = TextClaim(claims, "sub");
  if (!subject.has_value()) return Refused("the token has no subject (sub)");
  if (absl::Status name = CheckPrincipalName(*subject); !name.ok()) {
    return Refused(absl::StrCat("the token's subject (sub) ", name.message()));
  }
  principal.name = *subject;
  for (const auto& [name, value] : claims.items()) {
    principal.claims[name] =
        value.is_string() ? value.get<std::string>() : value.dump();
    if (!value.is_array()) continue;
    for (const json& element : value) {
      if (!element.is_string()) continue;
      principal.list_claims[name].push_back(element.get<std::string>());
    }
  }
  return principal;
}

}  // namespace

absl::StatusOr<Principal> JwtVerifier::Verify(absl::string_view token,
                                              absl::Time now) const {
  if (token.size() > kMaxTokenBytes) {
    return Refused(absl::StrCat("the token has ", token.size(),
                                " bytes; at most ", kMaxTokenBytes,
                                " are taken"));
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return NoToken();
  // "none" has no signature.
  if (!IsBase64Url(parts[0]) || !IsBase64Url(parts[1])) return NoToken();
  const json header = Decode(parts[0]);
  if (header.is_discarded()) return NoToken();
  const auto algorithm = TextClaim(header, "alg");
  if (!algorithm.has_value()) return Refused("the token's header has no alg");
  const bool has_kid = header.find("kid") != header.end();
  const auto kid = TextClaim(header, "kid");
  if (has_kid && !kid.has_value()) return Refused("the token's kid is no text");
  const auto key = keys_.Choose(*algorithm, has_kid ? &*kid : nullptr);
  if (!key.ok()) return key.status();
  if (header.find("crit") != header.end()) {
    return Refused("the token's header demands what is not known here (crit)");
  }
  if (!IsBase64Url(parts[2])) return NoToken();
  if (!SignatureMatches(std::string(token), (*key)->jwk)) {
    return Refused("the token's signature is not that of the server's key");
  }
  const json claims = Decode(parts[1]);
  if (claims.is_discarded()) return Refused("the token has no claims in JSON");
  const auto end = CheckTimes(claims, now);
  if (!end.ok()) return end.status();
  absl::Status status = CheckIssuer(claims, expected_.issuer);
  if (status.ok()) status = CheckAudience(claims, expected_.audience);
  if (!status.ok()) return status;
  absl::StatusOr<Principal> principal = ToPrincipal(claims);
  if (!principal.ok()) return principal;
  principal->key_id = (*key)->thumbprint;
  principal->expires_at = *end;
  return principal;
}

absl::Status JwtVerifier::Recheck(const Principal& principal,
                                  absl::Time now) const {
  if (principal.expires_at <= now) return Refused("the token has expired");
  if (!keys_.HasThumbprint(principal.key_id)) {
    return Refused("the token's key is not known any more");
  }
  return absl::OkStatus();
}

}  // namespace msgproc::base
