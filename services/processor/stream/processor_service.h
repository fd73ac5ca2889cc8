#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESSOR_SERVICE_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESSOR_SERVICE_H_

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "msgproc/v1/processor.grpc.pb.h"
#include "services/processor/stream/open_streams.h"

namespace msgproc::processor {

// The service Processor. Takes frames as bytes: with a typed reader garbage
// looks like a half-close, and every message would be copied. Thread-safe.
class ProcessorService final
    : public v1::Processor::WithRawCallbackMethod_Process<
          v1::Processor::Service> {
 public:
  // `streams` outlives the service.
  explicit ProcessorService(OpenStreams* streams) : streams_(streams) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Process(
      grpc::CallbackServerContext* context) override {
    return streams_->Start(context);
  }

 private:
  OpenStreams* const streams_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESSOR_SERVICE_H_
