#ifndef MSGPROC_SERVICES_BASE_IDENTITY_REQUIRE_CREDENTIALS_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_REQUIRE_CREDENTIALS_H_

#include <grpc/grpc_security.h>

#include <memory>

#include "services/base/identity/authenticator.h"

namespace msgproc::base {

// From here on each call over a listener with these `credentials` shows who it
// is from, or ends UNAUTHENTICATED before any service sees it: gRPC's own too
// (health, reflection), which no service or interceptor of ours could end in
// words. Before the listener is made.
void RequireCredentials(grpc_server_credentials* credentials,
                        std::shared_ptr<const Authenticator> authenticator);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_REQUIRE_CREDENTIALS_H_
