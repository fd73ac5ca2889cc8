#ifndef MSGPROC_CLIENT_SESSION_OPEN_H_
#define MSGPROC_CLIENT_SESSION_OPEN_H_

#include <string>

#include "client/message_stream.h"

namespace msgproc::client {

// The encoded Open of a new stream: with a random id and token where the
// options name none.
std::string EncodedOpen(const MessageStreamOptions& options);

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_SESSION_OPEN_H_
