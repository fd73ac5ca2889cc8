#include "services/base/identity/certificate_principal.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/base/identity/principal_name.h"

namespace msgproc::base {

absl::StatusOr<Principal> CertificatePrincipal(
    const grpc::AuthContext* connection) {
  if (connection == nullptr || !connection->IsPeerAuthenticated()) {
    return Principal();
  }
  for (const char* property :
       {GRPC_PEER_URI_PROPERTY_NAME, GRPC_PEER_DNS_PROPERTY_NAME,
        GRPC_X509_CN_PROPERTY_NAME}) {
    const std::vector<grpc::string_ref> names =
        connection->FindPropertyValues(property);
    if (names.empty() || names[0].empty()) continue;
    Principal principal;
    principal.source = Principal::Source::kCertificate;
    principal.name.assign(names[0].data(), names[0].size());
    if (absl::Status name = CheckPrincipalName(principal.name); !name.ok()) {
      return absl::UnauthenticatedError(absl::StrCat(
          "the name in the client's certificate ", name.message()));
    }
    return principal;
  }
  return Principal();
}

}  // namespace msgproc::base
