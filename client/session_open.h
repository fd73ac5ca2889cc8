#ifndef MSGPROC_CLIENT_SESSION_OPEN_H_
#define MSGPROC_CLIENT_SESSION_OPEN_H_

#include <string>

#include "client/kept_session.h"
#include "client/message_stream.h"

namespace msgproc::client {

// A new session: with a random id and token where the options name none.
KeptSession NewSession(const MessageStreamOptions& options);

// The encoded Open of a new stream that goes on with `session`.
std::string EncodedOpen(const MessageStreamOptions& options,
                        const KeptSession& session);

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_SESSION_OPEN_H_
