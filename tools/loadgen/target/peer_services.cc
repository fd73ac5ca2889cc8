#include "tools/loadgen/target/peer_services.h"

#include "common/channel_arguments.h"
#include "common/grpc_deadline.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "msgproc/v1/balancer.grpc.pb.h"
#include "msgproc/v1/processor.grpc.pb.h"

namespace msgproc::loadgen {
namespace {

using Serves = ServiceFacts::Serves;

void SetDeadline(absl::Duration patience, grpc::ClientContext* context) {
  context->set_deadline(DeadlineAfter(patience));
}

// Whether a call that ended so has reached a server with its service.
bool IsThere(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::INTERNAL:
      return false;
    default:
      return true;
  }
}

grpc::Status AskBalancer(v1::Balancer::Stub* stub, absl::Duration patience,
                         ServiceFacts* facts) {
  v1::ListServersResponse response;
  grpc::ClientContext context;
  SetDeadline(patience, &context);
  const grpc::Status status = stub->ListServers(&context, {}, &response);
  if (!status.ok()) return status;
  facts->servers = response.servers_size();
  facts->serving = 0;
  for (const v1::ServerStatus& server : response.servers()) {
    if (server.state() == v1::SERVER_STATE_SERVING) ++facts->serving;
  }
  v1::GetServerResponse given;
  grpc::ClientContext get_context;
  SetDeadline(patience, &get_context);
  if (stub->GetServer(&get_context, {}, &given).ok()) {
    facts->gives = given.server().address();
  }
  return status;
}

grpc::Status AskProcessor(v1::Processor::Stub* stub, absl::Duration patience) {
  grpc::ClientContext context;
  SetDeadline(patience, &context);
  const auto stream = stub->Process(&context);
  stream->WritesDone();
  v1::ProcessResponse response;
  while (stream->Read(&response)) {
  }
  return stream->Finish();
}

}  // namespace

ServiceFacts AskServices(const std::string& target,
                         std::shared_ptr<grpc::ChannelCredentials> credentials,
                         const grpc::ChannelArguments& wanted,
                         absl::Duration patience) {
  if (credentials == nullptr) credentials = grpc::InsecureChannelCredentials();
  grpc::ChannelArguments arguments = OwnChannelArguments();
  Overwrite(wanted, &arguments);
  const auto channel =
      grpc::CreateCustomChannel(target, credentials, arguments);
  ServiceFacts facts;
  const grpc::Status balancer =
      AskBalancer(v1::Balancer::NewStub(channel).get(), patience, &facts);
  if (IsThere(balancer)) {
    facts.serves = Serves::kBalancer;
  } else if (balancer.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    const grpc::Status processor =
        AskProcessor(v1::Processor::NewStub(channel).get(), patience);
    if (IsThere(processor)) facts.serves = Serves::kProcessor;
    if (processor.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      facts.serves = Serves::kNeither;
    }
  }
  return facts;
}

}  // namespace msgproc::loadgen
