#ifndef MSGPROC_CLIENT_CALL_TOKEN_H_
#define MSGPROC_CLIENT_CALL_TOKEN_H_

#include <string>

#include "grpcpp/client_context.h"

namespace msgproc::client {

// Lets a call carry a bearer token (RFC 6750), unless that is empty.
inline void AddToken(const std::string& token, grpc::ClientContext* context) {
  if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
}

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_CALL_TOKEN_H_
