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
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/processor/handlers/async_handler.h"
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
//   who         answers what it is told of the sender
//   die once    kills the worker at the first attempt; then as who
//   until cancelled FILE
//               returns when nobody waits any more, and creates the file then
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
    if (payload == "die once" && context.attempt() == 1) raise(SIGKILL);
    if (payload == "who" || payload == "die once") {
      const SessionContext& session = context.session();
      *reply->mutable_payload() = absl::StrCat(
          session.session_id, " ", session.client_name, " ",
          session.principal.Shown(), " ", session.peer, " ", context.handler(),
          " ", context.attempt(), " ", context.idempotency_key(), " ",
          context.deadline() < absl::InfiniteFuture() ? "limited" : "unlimited",
          context.cancelled() ? " cancelled" : "");
      return absl::OkStatus();
    }
    if (absl::StartsWith(payload, "until cancelled ")) {
      while (!context.cancelled()) usleep(1000);
      std::fclose(std::fopen(payload.substr(16).c_str(), "w"));
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

// Keeps messages until a later one says "release", and answers them backwards;
// "never" is kept for ever, "drop" let go of.
class Later final : public AsyncHandler {
 public:
  void Start(const HandlerContext& context, const Message& message,
             Responder responder) override {
    if (message.payload == "drop") return;
    kept_.push_back(std::move(responder));
    if (message.payload != "release") return;
    std::thread([kept = std::move(kept_)]() mutable {
      while (!kept.empty()) {
        if (kept.back().message().payload != "never") {
          Reply reply;
          *reply.mutable_payload() =
              absl::StrCat(kept.back().message().payload, " ",
                           kept.back().context().idempotency_key());
          kept.back().Finish(reply);
          kept.pop_back();
        } else {
          static auto* const never = new std::vector<Responder>();
          never->push_back(std::move(kept.back()));
          kept.pop_back();
        }
      }
    }).detach();
    kept_.clear();
  }

 private:
  std::vector<Responder> kept_;
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
  handlers.Register("later", std::make_unique<msgproc::processor::Later>());
  return msgproc::processor::RunWorkerRole(handlers);
}
