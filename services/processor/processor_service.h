#ifndef MSGPROC_SERVICES_PROCESSOR_PROCESSOR_SERVICE_H_
#define MSGPROC_SERVICES_PROCESSOR_PROCESSOR_SERVICE_H_

#include <memory>

#include "msgproc/v1/processor.grpc.pb.h"
#include "services/processor/process_reactor.h"
#include "services/processor/stream_host.h"

namespace msgproc::processor {

// The service Processor. Takes frames as bytes: with a typed reader garbage
// looks like a half-close, and every message would be copied. Thread-safe.
class ProcessorService final
    : public v1::Processor::WithRawCallbackMethod_Process<
          v1::Processor::Service> {
 public:
  // `host` outlives the service.
  explicit ProcessorService(StreamHost* host) : host_(host) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Process(
      grpc::CallbackServerContext* context) override {
    const auto stream = std::make_shared<ProcessReactor>(host_, context);
    stream->Start();
    return stream.get();
  }

 private:
  StreamHost* const host_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_PROCESSOR_SERVICE_H_
