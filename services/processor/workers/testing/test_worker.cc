// A worker for tests, with a handler that does what a message says. With the
// argument `liar`, a worker that breaks the protocol; with `broken`, one that
// never starts; with `mute`, one that never says that it is ready.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/workers/testing/liar.h"
#include "services/processor/workers/worker_process.h"
#include "services/processor/workers/worker_role.h"

namespace msgproc::processor {
namespace {

// Does what the payload says:
//   poison      kills the worker
//   exit        ends it, code 3
//   hang        never returns
//   pid         answers the worker's process id
//   sleep MS    sleeps
//   say TEXT    writes to standard error
//   leak        keeps 64 MiB
//   fail        fails
//   grow N      answers N bytes
//   headers N   answers with N empty headers
// and echoes anything else.
class Obedient final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& context, const Message& message,
                      Reply* reply) override {
    const std::string payload(message.payload);
    if (payload == "poison") raise(SIGKILL);
    if (payload == "exit") _exit(3);
    if (payload == "hang") {
      while (true) pause();
    }
    if (payload == "fail") return absl::FailedPreconditionError("as asked");
    if (payload == "leak") leak_.append(64 << 20, 'x');
    if (absl::StartsWith(payload, "say ")) {
      std::fprintf(stderr, "%s\n", payload.substr(4).c_str());
    }
    int milliseconds = 0;
    if (absl::StartsWith(payload, "sleep ") &&
        absl::SimpleAtoi(payload.substr(6), &milliseconds)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    }
    int size = 0;
    if (absl::StartsWith(payload, "grow ") &&
        absl::SimpleAtoi(payload.substr(5), &size)) {
      reply->mutable_payload()->assign(static_cast<size_t>(size), 'x');
      return absl::OkStatus();
    }
    if (absl::StartsWith(payload, "headers ") &&
        absl::SimpleAtoi(payload.substr(8), &size)) {
      for (int i = 0; i < size; ++i) reply->AddHeader("", "");
    }
    if (payload == "pid") {
      *reply->mutable_payload() = absl::StrCat(getpid());
    } else {
      reply->BorrowPayload(message.payload);
    }
    return absl::OkStatus();
  }

 private:
  std::string leak_;
};

}  // namespace
}  // namespace msgproc::processor

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "liar") {
    msgproc::processor::RunLiar(msgproc::processor::kWorkerSocket);
    return 0;
  }
  if (role == "broken") {
    std::fprintf(stderr, "no such model: /nowhere\n");
    return 4;
  }
  if (role == "mute") {
    while (true) pause();
  }
  msgproc::processor::HandlerRegistry handlers;
  handlers.Register("obedient",
                    std::make_unique<msgproc::processor::Obedient>());
  return msgproc::processor::RunWorkerRole(handlers);
}
