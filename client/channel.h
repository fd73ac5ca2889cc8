#ifndef MSGPROC_CLIENT_CHANNEL_H_
#define MSGPROC_CLIENT_CHANNEL_H_

#include <memory>
#include <string>

#include "client/message_stream.h"
#include "grpcpp/channel.h"

namespace msgproc::client {

// A channel of a connection of its own to `address`. Connects when used.
std::shared_ptr<grpc::Channel> CreateChannel(
    const MessageStreamOptions& options, const std::string& address);

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_CHANNEL_H_
