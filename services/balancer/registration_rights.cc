#include "services/balancer/registration_rights.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace msgproc::balancer {

std::string Registrant::Owner() const {
  if (!names.empty()) {
    return absl::StrCat("certificate ", absl::StrJoin(names, ", "));
  }
  // Unix sockets have no port.
  if (absl::StartsWith(peer, "unix")) return "address unix";
  return absl::StrCat("address ", peer.substr(0, peer.rfind(':')));
}

bool NameMatches(absl::string_view name, absl::string_view allowed) {
  if (!absl::ConsumePrefix(&allowed, "*.")) {
    return absl::EqualsIgnoreCase(name, allowed);
  }
  const size_t dot = name.find('.');
  return dot != absl::string_view::npos && dot > 0 &&
         absl::EqualsIgnoreCase(name.substr(dot + 1), allowed);
}

absl::Status RegistrationRights::Check(const Registrant& registrant,
                                       absl::string_view authorization) const {
  const base::SettingName& name = options_.setting_name;
  if (NobodyMay()) {
    return absl::PermissionDeniedError(absl::StrCat(
        "this balancer lets nobody register: a client's certificate is no "
        "right to; start it with ",
        name("register_allowed"),
        "=NAME of the processors' certificates, or with ",
        name("register_token_file")));
  }
  for (const std::string& shown : registrant.names) {
    if (std::any_of(options_.allowed.begin(), options_.allowed.end(),
                    [&shown](const std::string& allowed) {
                      return NameMatches(shown, allowed);
                    })) {
      return absl::OkStatus();
    }
  }
  if (token_->required() || options_.allowed.empty()) {
    return token_->Check(authorization, name("register_token_file"));
  }
  return absl::PermissionDeniedError(
      absl::StrCat("the certificate shown has the names ",
                   absl::StrJoin(registrant.names, ", "),
                   ", and none of them may register; add one to ",
                   name("register_allowed"), " of the balancer"));
}

bool RegistrationRights::NobodyMay() const {
  return options_.mutual_tls && options_.allowed.empty() && !token_->required();
}

}  // namespace msgproc::balancer
