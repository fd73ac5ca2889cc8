#ifndef MSGPROC_SERVICES_BASE_IDENTITY_CERTIFICATE_PRINCIPAL_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_CERTIFICATE_PRINCIPAL_H_

#include "absl/status/statusor.h"
#include "services/base/identity/principal.h"

namespace grpc {
class AuthContext;
}  // namespace grpc

namespace msgproc::base {

// Whose the certificate is that a client has shown: its first URI SAN, else its
// first DNS SAN, else its CN. Anonymous: it has shown none, or one that names
// nobody. UNAUTHENTICATED: a name that cannot be a principal's
// (CheckPrincipalName). `connection` may be null.
absl::StatusOr<Principal> CertificatePrincipal(
    const grpc::AuthContext* connection);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_CERTIFICATE_PRINCIPAL_H_
