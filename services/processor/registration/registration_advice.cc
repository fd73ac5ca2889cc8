#include "services/processor/registration/registration_advice.h"

#include <initializer_list>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
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

std::string ConnectionAdvice(absl::string_view text, bool uses_tls) {
  if (SaysAny(text, {"connection refused", "no such file"})) {
    return "start a balancer there, or correct --balancer";
  }
  if (uses_tls && SaysAny(text, {"wrong version number", "wrong_version"})) {
    return "a server without TLS answers there: leave out --balancer_ca, or "
           "give the balancer --tls_cert and --tls_key";
  }
  if (uses_tls && SaysAny(text, {"certificate verify failed",
                                 "certificate_verify_failed"})) {
    return "is --balancer_ca the authority that signed the balancer's "
           "certificate?";
  }
  if (uses_tls && SaysAny(text, {"handshake failed", "alert", "socket closed",
                                 "connection reset"})) {
    return "does the balancer ask for a client certificate? --tls_cert and "
           "--tls_key are shown to it";
  }
  if (!uses_tls &&
      SaysAny(text, {"socket closed", "connection reset", "broken pipe"})) {
    return "does the balancer speak TLS? Then give --balancer_ca";
  }
  return "";
}

}  // namespace

std::string RegistrationAdvice(const absl::Status& ended, bool uses_tls) {
  switch (ended.code()) {
    case absl::StatusCode::kUnimplemented:
      return "a gRPC server that is no balancer answers there, a processor "
             "perhaps: --balancer takes a balancer's --listen_address";
    case absl::StatusCode::kUnavailable:
      return ConnectionAdvice(ended.message(), uses_tls);
    default:
      return "";
  }
}

}  // namespace msgproc::processor
