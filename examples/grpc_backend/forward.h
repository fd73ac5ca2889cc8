#ifndef MSGPROC_EXAMPLES_GRPC_BACKEND_FORWARD_H_
#define MSGPROC_EXAMPLES_GRPC_BACKEND_FORWARD_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/grpc_deadline.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "services/processor/handlers/async_handler.h"

namespace example {

// Asks a gRPC service: a message's payload is the encoded request of a unary
// method, its result's payload the encoded answer. While the service thinks, no
// thread waits.
class Forward final : public msgproc::processor::AsyncHandler {
 public:
  // `method`: "/package.Service/Method".
  Forward(const std::string& backend, std::string method)
      : stub_(grpc::CreateChannel(backend, grpc::InsecureChannelCredentials())),
        method_(std::move(method)) {}

  void Start(const msgproc::processor::HandlerContext& context,
             const msgproc::processor::Message& message,
             msgproc::processor::Responder responder) override {
    auto call = std::make_shared<Call>(std::move(responder));
    const grpc::Slice payload(message.payload.data(), message.payload.size());
    call->request = grpc::ByteBuffer(&payload, 1);
    // In time to say that it was the backend that was late.
    const absl::Duration left =
        context.deadline() - msgproc::Clock::Monotonic()->Now();
    call->context.set_deadline(
        msgproc::DeadlineAfter(std::min(kTimeout, left / 2)));
    // The same for each try, for a service that must not do a thing twice.
    if (const std::string key = context.idempotency_key(); !key.empty()) {
      call->context.AddMetadata("idempotency-key", key);
    }
    stub_.UnaryCall(
        &call->context, method_, grpc::StubOptions(), &call->request,
        &call->response,
        [call](const grpc::Status& status) { Answer(status, call); });
  }

 private:
  static constexpr absl::Duration kTimeout = absl::Seconds(10);

  struct Call {
    explicit Call(msgproc::processor::Responder answer)
        : responder(std::move(answer)) {}

    msgproc::processor::Responder responder;
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
  };

  static void Answer(const grpc::Status& status,
                     const std::shared_ptr<Call>& call) {
    if (!status.ok()) {
      call->responder.Fail(
          absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                       status.error_message()));
      return;
    }
    std::vector<grpc::Slice> slices;
    msgproc::processor::Reply reply;
    if (call->response.Dump(&slices).ok()) {
      for (const grpc::Slice& slice : slices) {
        reply.mutable_payload()->append(
            reinterpret_cast<const char*>(slice.begin()), slice.size());
      }
    }
    call->responder.Finish(reply);
  }

  grpc::GenericStub stub_;
  const std::string method_;
};

}  // namespace example

#endif  // MSGPROC_EXAMPLES_GRPC_BACKEND_FORWARD_H_
