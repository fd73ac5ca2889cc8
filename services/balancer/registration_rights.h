#ifndef MSGPROC_SERVICES_BALANCER_REGISTRATION_RIGHTS_H_
#define MSGPROC_SERVICES_BALANCER_REGISTRATION_RIGHTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/balancer/register_token.h"
#include "services/base/setting_name.h"

namespace msgproc::balancer {

// Who calls Register, as far as the connection tells.
struct Registrant {
  std::string peer;  // "ipv4:192.0.2.7:4321"
  // The names in the certificate that it showed: the alternative ones first,
  // then the common name. Empty: it showed none.
  std::vector<std::string> names;

  // Whose a registration is: that of a certificate with these names (all of
  // them, for those of a fleet often have some in common), or, without one, of
  // the address it comes from, whatever its port.
  std::string Owner() const;
};

// Who may register. A certificate that lets a client in is no right to
// register: it takes a token, or a certificate with one of the names allowed.
// Only a balancer that asks for neither certificates nor tokens lets everybody.
// Thread-safe.
class RegistrationRights {
 public:
  struct Options {
    // Clients must show certificates.
    bool mutual_tls = false;
    // Names of certificates, `*.example.org` for all directly below it.
    std::vector<std::string> allowed;
    // What refusals call the settings "register_allowed" and
    // "register_token_file" of the balancer.
    base::SettingName setting_name = base::AsOption;
  };

  // `token` outlives it.
  RegistrationRights(Options options, const RegisterToken* token)
      : options_(std::move(options)), token_(token) {}

  // `authorization`: the metadata of this name, or empty. PERMISSION_DENIED,
  // saying what to do.
  absl::Status Check(const Registrant& registrant,
                     absl::string_view authorization) const;

  // Whether nobody may.
  bool NobodyMay() const;

 private:
  const Options options_;
  const RegisterToken* const token_;
};

// Whether a certificate's `name` is `allowed`.
bool NameMatches(absl::string_view name, absl::string_view allowed);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_REGISTRATION_RIGHTS_H_
