#ifndef MSGPROC_SERVICES_BASE_TESTING_ECHO_PROCESSOR_H_
#define MSGPROC_SERVICES_BASE_TESTING_ECHO_PROCESSOR_H_

#include <grpcpp/support/server_callback.h>

#include "msgproc/v1/processor.grpc.pb.h"

namespace msgproc::server {

// The least that can stand behind a permanent socket: answers every request
// with its messages' payloads, and says in `welcome.server_id` from where the
// stream came (grpc::ServerContext::peer()). Ends OK at the half-close.
class EchoProcessor final : public v1::Processor::CallbackService {
 public:
  grpc::ServerBidiReactor<v1::ProcessRequest, v1::ProcessResponse>* Process(
      grpc::CallbackServerContext* context) override {
    return new Reactor(context->peer());
  }

 private:
  class Reactor final : public grpc::ServerBidiReactor<v1::ProcessRequest,
                                                       v1::ProcessResponse> {
   public:
    explicit Reactor(std::string peer) : peer_(std::move(peer)) {
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      response_.Clear();
      response_.mutable_welcome()->set_server_id(peer_);
      for (const v1::Message& message : request_.messages()) {
        v1::Result* result = response_.add_results();
        result->set_sequence(message.sequence());
        result->set_payload(message.payload());
      }
      StartWrite(&response_);
    }
    void OnWriteDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      StartRead(&request_);
    }
    void OnDone() override { delete this; }

   private:
    const std::string peer_;
    v1::ProcessRequest request_;
    v1::ProcessResponse response_;
  };
};

}  // namespace msgproc::server

#endif  // MSGPROC_SERVICES_BASE_TESTING_ECHO_PROCESSOR_H_
