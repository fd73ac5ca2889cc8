#include "client/channel.h"

#include "grpcpp/create_channel.h"

namespace msgproc::client {

std::shared_ptr<grpc::Channel> CreateChannel(
    const MessageStreamOptions& options, const std::string& address) {
  grpc::ChannelArguments arguments = options.channel_arguments;
  // Otherwise channels to one address share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address,
                                   options.credentials != nullptr
                                       ? options.credentials
                                       : grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace msgproc::client
