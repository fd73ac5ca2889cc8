#include "tools/loadgen/target/embedded_processor.h"

#include <utility>

#include "services/processor/handlers/builtin.h"
#include "services/processor/server.h"

namespace msgproc::loadgen {
namespace {

class ProcessorInProcess final : public EmbeddedProcessor {
 public:
  static absl::StatusOr<std::unique_ptr<EmbeddedProcessor>> Start() {
    auto embedded = std::make_unique<ProcessorInProcess>();
    processor::RegisterBuiltinHandlers(&embedded->handlers_,
                                       {.spin = processor::kDefaultSpin});
    processor::ServerOptions options;
    options.grpc.acceptor.address = "127.0.0.1:0";
    options.streams.server_id = "embedded";
    // Its one client is this process, which may ask for any number.
    options.grpc.max_streams_per_connection = 0;
    auto server =
        processor::Server::Start(std::move(options), &embedded->handlers_);
    if (!server.ok()) return server.status();
    embedded->server_ = *std::move(server);
    return embedded;
  }

  const std::string& address() const override { return server_->address(); }

 private:
  processor::HandlerRegistry handlers_;
  std::unique_ptr<processor::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedProcessor>> EmbeddedProcessor::Start() {
  return ProcessorInProcess::Start();
}

}  // namespace msgproc::loadgen
