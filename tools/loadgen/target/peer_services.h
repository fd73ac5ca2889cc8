#ifndef MSGPROC_TOOLS_LOADGEN_TARGET_PEER_SERVICES_H_
#define MSGPROC_TOOLS_LOADGEN_TARGET_PEER_SERVICES_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace msgproc::loadgen {

// Which of this system's services a gRPC server has.
struct ServiceFacts {
  enum class Serves { kUnknown, kProcessor, kBalancer, kNeither };

  Serves serves = Serves::kUnknown;
  // Of a balancer that told: the servers that it knows, and those that serve.
  int servers = -1;
  int serving = -1;
  // A server that the balancer would give; empty: none.
  std::string gives;
};

// Asks the server at `target`, at most `patience` for each question. Blocks.
ServiceFacts AskServices(const std::string& target,
                         std::shared_ptr<grpc::ChannelCredentials> credentials,
                         const grpc::ChannelArguments& wanted,
                         absl::Duration patience);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TARGET_PEER_SERVICES_H_
