#include "client/session_open.h"

#include <cstddef>

#include "client/random.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

constexpr size_t kSessionIdBytes = 16;
constexpr size_t kSessionTokenBytes = 32;

}  // namespace

KeptSession NewSession(const MessageStreamOptions& options) {
  KeptSession session;
  session.session_id = options.session_id.empty() ? RandomHex(kSessionIdBytes)
                                                  : options.session_id;
  session.session_token = options.session_token.empty()
                              ? RandomBytes(kSessionTokenBytes)
                              : options.session_token;
  session.handler = options.handler;
  return session;
}

std::string EncodedOpen(const MessageStreamOptions& options,
                        const KeptSession& session) {
  v1::Open open;
  open.set_session_id(session.session_id);
  open.set_session_token(session.session_token);
  open.set_client_name(options.client_name);
  open.set_handler(options.handler);
  open.set_instance(RandomNumber() | 1);  // 0 would be none.
  return open.SerializeAsString();
}

}  // namespace msgproc::client
