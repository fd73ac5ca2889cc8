#include "benchmarks/benchmark_processor.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace msgproc::benchmarks {

std::unique_ptr<processor::Server> StartBenchmarkProcessor(
    const processor::HandlerRegistry* handlers,
    processor::ServerOptions options) {
  options.grpc.acceptor.address = "127.0.0.1:0";
  options.streams.server_id = "benchmark";
  options.streams.default_handler = "echo";
  auto server = processor::Server::Start(std::move(options), handlers);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(server);
}

}  // namespace msgproc::benchmarks
