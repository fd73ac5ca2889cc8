#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_SESSION_CONTEXT_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_SESSION_CONTEXT_H_

#include <string>

#include "services/base/identity/principal.h"

namespace msgproc::processor {

// What a handler may know of who sends a session's messages: constant, shared
// by the batches that are out. A session gets another one with each stream, and
// with each fresh token.
struct SessionContext {
  // Empty: a stream without `Open`.
  std::string session_id;
  // What the client calls itself; nobody has checked it.
  std::string client_name;
  base::Principal principal;
  // Where the connection comes from, as gRPC writes it, or as the proxy in
  // front said (PROXY protocol).
  std::string peer;
  // The header x-forwarded-for as it came; whoever connects can write it.
  std::string forwarded_for;
  // With "/" and a sequence, names a message for ever; empty: nothing does.
  std::string idempotency_scope;
  // The trace that the stream's call belongs to, as logs have it; empty: none,
  // and in a worker. A message's own is HandlerContext::trace.
  std::string trace_id;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_SESSION_CONTEXT_H_
