#include "services/processor/registration/registration_advice.h"

#include <initializer_list>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {
namespace {

bool SaysAny(absl::string_view text,
             std::initializer_list<absl::string_view> words) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const absl::string_view word : words) {
    if (absl::StrContains(lower, word)) return true;
  }
  return false;
}

std::string ConnectionAdvice(absl::string_view text, bool uses_tls,
                             const base::SettingName& name) {
  if (SaysAny(text, {"connection refused", "no such file"})) {
    return "start a balancer there, or correct " + name("balancer");
  }
  if (uses_tls && SaysAny(text, {"wrong version number", "wrong_version"})) {
    return absl::StrCat("a server without TLS answers there: leave out ",
                        name("balancer_ca"),
                        ", or give the balancer a certificate");
  }
  if (uses_tls && SaysAny(text, {"certificate verify failed",
                                 "certificate_verify_failed"})) {
    return absl::StrCat("is ", name("balancer_ca"),
                        " the authority that signed the balancer's "
                        "certificate?");
  }
  if (uses_tls && SaysAny(text, {"handshake failed", "alert", "socket closed",
                                 "connection reset"})) {
    return absl::StrCat("does the balancer ask for a client certificate? ",
                        name("tls_cert"), " and ", name("tls_key"),
                        " are shown to it");
  }
  if (!uses_tls &&
      SaysAny(text, {"socket closed", "connection reset", "broken pipe"})) {
    return "does the balancer speak TLS? Then give " + name("balancer_ca");
  }
  return "";
}

// Balancers speak of the fields of a report, whoever made it.
std::string ReportAdvice(absl::string_view text,
                         const base::SettingName& name) {
  if (!SaysAny(text, {"wildcard"})) return "";
  return absl::StrCat("give ", name("advertise_address"),
                      ", where clients reach this processor");
}

std::string RightsAdvice(absl::string_view text,
                         const base::SettingName& name) {
  if (!SaysAny(text, {"bearer token"})) return "";
  return absl::StrCat("put the token into a file and give it as ",
                      name("register_token_file"));
}

}  // namespace

std::string RegistrationAdvice(const absl::Status& ended, bool uses_tls,
                               const base::SettingName& name) {
  switch (ended.code()) {
    case absl::StatusCode::kUnimplemented:
      return absl::StrCat(
          "a gRPC server that is no balancer answers there, a processor "
          "perhaps: ",
          name("balancer"), " takes a balancer's ", name("listen_address"));
    case absl::StatusCode::kUnavailable:
      return ConnectionAdvice(ended.message(), uses_tls, name);
    case absl::StatusCode::kInvalidArgument:
      return ReportAdvice(ended.message(), name);
    case absl::StatusCode::kPermissionDenied:
      return RightsAdvice(ended.message(), name);
    default:
      return "";
  }
}

}  // namespace msgproc::processor
