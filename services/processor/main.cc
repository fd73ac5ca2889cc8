#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "services/base/log.h"
#include "services/base/shutdown_signal.h"
#include "services/processor/handlers/builtin.h"
#include "services/processor/server.h"

ABSL_FLAG(std::string, listen_address, "127.0.0.1:50051", "Where to listen.");

int main(int argc, char** argv) {
  msgproc::server::ShutdownSignal::Block();
  absl::ParseCommandLine(argc, argv);
  msgproc::processor::HandlerRegistry handlers;
  msgproc::processor::RegisterBuiltinHandlers(&handlers);
  msgproc::processor::ServerOptions options;
  options.grpc.acceptor.address = absl::GetFlag(FLAGS_listen_address);
  options.streams.server_id = "dev";
  options.streams.default_handler = "echo";
  auto server = msgproc::processor::Server::Start(options, &handlers);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    return 1;
  }
  msgproc::server::LogInfo("serving", {{"grpc", (*server)->address()}});
  std::mutex mutex;
  std::condition_variable cv;
  bool stop = false;
  msgproc::server::ShutdownSignal signal({.on_drain = [&](int) {
    std::lock_guard<std::mutex> lock(mutex);
    stop = true;
    cv.notify_all();
  }});
  std::unique_lock<std::mutex> lock(mutex);
  cv.wait(lock, [&] { return stop; });
  (*server)->Drain();
  return 0;
}
