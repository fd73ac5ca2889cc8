#ifndef MSGPROC_CLIENT_STATE_OPTIONS_H_
#define MSGPROC_CLIENT_STATE_OPTIONS_H_

#include "client/connection_state.h"
#include "client/kept_session.h"
#include "client/message_stream.h"

namespace msgproc::client {

// What a stream's options are for its state. `kept`: what an outbox has of its
// session, null without one; for the state's constructor.
ConnectionState::Options StateOptions(const MessageStreamOptions& options,
                                      const KeptSession* kept);

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_STATE_OPTIONS_H_
