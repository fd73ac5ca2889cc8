// A processor whose handler asks a gRPC service and answers when that does:
//
//   bazel run //examples/grpc_backend -- --backend=127.0.0.1:50051
//       --backend_method=/shop.Stock/Reserve
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "examples/grpc_backend/forward.h"
#include "services/processor/run_processor.h"

ABSL_FLAG(std::string, backend, "127.0.0.1:50051",
          "The gRPC service that is asked: host:port, plaintext.");
ABSL_FLAG(std::string, backend_method, "/grpc.health.v1.Health/Check",
          "The unary method that payloads are requests of.");

int main(int argc, char** argv) {
  return msgproc::processor::RunProcessor(
      argc, argv, [](msgproc::processor::HandlerRegistry* handlers) {
        handlers->Register("forward", std::make_unique<example::Forward>(
                                          absl::GetFlag(FLAGS_backend),
                                          absl::GetFlag(FLAGS_backend_method)));
      });
}
