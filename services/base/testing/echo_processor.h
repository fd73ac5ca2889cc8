#ifndef MSGPROC_SERVICES_BASE_TESTING_ECHO_PROCESSOR_H_
#define MSGPROC_SERVICES_BASE_TESTING_ECHO_PROCESSOR_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <string>
#include <utility>

#include "common/mutex.h"
#include "msgproc/v1/processor.grpc.pb.h"

namespace msgproc::base {

// The least that can stand behind a permanent socket: answers every request
// with its messages' payloads, and says in `welcome.server_id` from where the
// stream came (grpc::ServerContext::peer()). Ends OK at the half-close.
//
// It takes bytes and parses them under its own mutex: gRPC orders a reactor's
// callbacks, and its own parsing, in a way that ThreadSanitizer cannot see.
class EchoProcessor final : public v1::Processor::WithRawCallbackMethod_Process<
                                v1::Processor::Service> {
 public:
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Process(
      grpc::CallbackServerContext* context) override {
    return new Reactor(context->peer());
  }

 private:
  class Reactor final
      : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Reactor(std::string peer) : peer_(std::move(peer)) {
      const MutexLock lock(&mutex_);
      StartRead(&read_);
    }
    void OnReadDone(bool ok) override {
      const MutexLock lock(&mutex_);
      if (!ok) return Finish(grpc::Status::OK);
      v1::ProcessRequest request;
      const grpc::Status parsed =
          grpc::SerializationTraits<v1::ProcessRequest>::Deserialize(&read_,
                                                                     &request);
      if (!parsed.ok()) return Finish(parsed);
      write_.Clear();
      bool own_buffer = true;
      grpc::SerializationTraits<v1::ProcessResponse>::Serialize(
          Answer(request), &write_, &own_buffer);
      StartWrite(&write_);
    }
    void OnWriteDone(bool ok) override {
      const MutexLock lock(&mutex_);
      if (!ok) return Finish(grpc::Status::OK);
      StartRead(&read_);
    }
    void OnDone() override {
      { const MutexLock lock(&mutex_); }
      delete this;
    }

   private:
    v1::ProcessResponse Answer(const v1::ProcessRequest& request) const {
      v1::ProcessResponse response;
      response.mutable_welcome()->set_server_id(peer_);
      for (const v1::Message& message : request.messages()) {
        v1::Result* result = response.add_results();
        result->set_sequence(message.sequence());
        result->set_payload(message.payload());
      }
      return response;
    }

    const std::string peer_;
    Mutex mutex_;
    grpc::ByteBuffer read_ MSGPROC_GUARDED_BY(mutex_);
    grpc::ByteBuffer write_ MSGPROC_GUARDED_BY(mutex_);
  };
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_ECHO_PROCESSOR_H_
