#ifndef MSGPROC_SERVICES_BASE_IDENTITY_PRINCIPAL_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_PRINCIPAL_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace msgproc::base {

// Whom a client has proven to be. A value; compares by who it is, not by what
// else its token says.
struct Principal {
  enum class Source {
    // It was not asked, or has shown nothing.
    kAnonymous,
    // A client certificate: its URI SAN, else its DNS SAN, else its CN.
    kCertificate,
    // A JSON Web Token (RFC 7519): its `sub`.
    kToken,
  };

  Source source = Source::kAnonymous;
  // Empty if, and only if, anonymous.
  std::string name;
  // Of a token: strings as they are, anything else as JSON.
  std::map<std::string, std::string> claims;
  // The strings in those of them that are lists. A claim that is a string is
  // not among them, whatever it looks like.
  std::map<std::string, std::vector<std::string>> list_claims;
  // The key that has signed the token, by its thumbprint (RFC 7638); empty
  // where there is none.
  std::string key_id;
  // When it stops being proven, by the wall clock.
  absl::Time expires_at = absl::InfiniteFuture();

  bool anonymous() const { return source == Source::kAnonymous; }
  bool SameAs(const Principal& other) const {
    return source == other.source && name == other.name;
  }
  // For people: "anonymous" where there is no name.
  absl::string_view Shown() const {
    return anonymous() ? absl::string_view("anonymous") : name;
  }
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_PRINCIPAL_H_
