#ifndef MSGPROC_COMMON_CHANNEL_ARGUMENTS_H_
#define MSGPROC_COMMON_CHANNEL_ARGUMENTS_H_

#include "absl/time/time.h"
#include "grpcpp/support/channel_arguments.h"

namespace msgproc {

// What every channel of ours begins with, in place of gRPC's own defaults:
// docs/decisions/0013-grpc-defaults.md says why, argument by argument.
grpc::ChannelArguments OwnChannelArguments();

// For a channel whose user decides when to try again: gRPC connects again at
// once, and gives up on a connection after `timeout`.
void LeaveRetriesToCaller(absl::Duration timeout,
                          grpc::ChannelArguments* arguments);

// Sets all of `from`'s in `to`, so that the caller's word is the last.
void Overwrite(const grpc::ChannelArguments& from, grpc::ChannelArguments* to);

// Whether channels that are made from here on go through the proxy that the
// environment names (grpc_proxy, https_proxy, http_proxy). Off at first, for
// the whole process. Thread-safe.
void UseHttpProxies(bool use);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_CHANNEL_ARGUMENTS_H_
