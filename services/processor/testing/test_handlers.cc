#include "services/processor/testing/test_handlers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "common/mutex.h"
#include "services/processor/handlers/async_handler.h"
#include "services/processor/handlers/builtin.h"
#include "services/processor/testing/function_handler.h"
#include "services/processor/workers/worker_role.h"

namespace msgproc::processor {
namespace {

constexpr char kWorkerRole[] = "--test_worker";

std::unique_ptr<Handler> Make(FunctionHandler::Function function) {
  return std::make_unique<FunctionHandler>(std::move(function));
}

absl::Status Echo(const Message& message, Reply* reply) {
  reply->BorrowPayload(message.payload);
  return absl::OkStatus();
}

absl::Status Size(const Message& message, Reply* reply) {
  size_t bytes = 0;
  if (!absl::SimpleAtoi(message.payload, &bytes)) {
    return absl::InvalidArgumentError("not a size");
  }
  reply->mutable_payload()->assign(bytes, 'x');
  return absl::OkStatus();
}

// What it is told of whoever sent the message.
absl::Status Who(const HandlerContext& context, const Message& /*message*/,
                 Reply* reply) {
  const SessionContext& session = context.session();
  *reply->mutable_payload() =
      absl::StrCat(session.session_id, "|", session.client_name, "|",
                   session.principal.Shown(), "|", context.handler(), "|",
                   context.attempt(), "|", context.idempotency_key(), "|",
                   context.cancelled() ? "cancelled" : "wanted");
  reply->AddHeader("peer", session.peer);
  return absl::OkStatus();
}

// Answers with the payload, from a thread of its own, the last first of those
// that have come meanwhile.
class Later final : public AsyncHandler {
 public:
  ~Later() override {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
    }
    changed_.SignalAll();
    if (thread_.joinable()) thread_.join();
  }
  void Start(const HandlerContext& /*context*/, const Message& /*message*/,
             Responder responder) override {
    MutexLock lock(&mutex_);
    begun_.push_back(std::move(responder));
    if (!thread_.joinable()) thread_ = std::thread([this] { Answer(); });
    changed_.Signal();
  }

 private:
  void Answer() {
    MutexLock lock(&mutex_);
    while (!stopping_) {
      if (begun_.empty()) {
        changed_.Wait(&mutex_);
        continue;
      }
      std::vector<Responder> begun = std::exchange(begun_, {});
      lock.Unlock();
      for (auto it = begun.rbegin(); it != begun.rend(); ++it) {
        Reply reply;
        reply.BorrowPayload(it->message().payload);
        it->Finish(reply);
      }
      begun.clear();
      lock.Relock();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::vector<Responder> begun_ MSGPROC_GUARDED_BY(mutex_);
  std::thread thread_;
};

// Not at random: the same everywhere, and still in no order.
absl::Status Jitter(const Message& message, Reply* reply) {
  absl::SleepFor(absl::Microseconds(message.sequence * 7919 % 400));
  return Echo(message, reply);
}

void* Map(int memory) {
  void* const mapped = mmap(nullptr, sizeof(Watch), PROT_READ | PROT_WRITE,
                            MAP_SHARED, memory, 0);
  if (mapped == MAP_FAILED) {
    std::perror("mmap");
    std::abort();
  }
  return mapped;
}

}  // namespace

SharedWatch::SharedWatch() : memory_(memfd_create("watch", MFD_CLOEXEC)) {
  if (ftruncate(memory_, sizeof(Watch)) != 0) std::perror("ftruncate");
  watch_ = new (Map(memory_)) Watch;
}

SharedWatch::~SharedWatch() {
  watch_->~Watch();
  munmap(watch_, sizeof(Watch));
  close(memory_);
}

std::vector<std::string> SharedWatch::WorkerArguments() const {
  return {"test_worker", kWorkerRole,
          absl::StrCat("/proc/", getpid(), "/fd/", memory_)};
}

bool IsTestWorker(int argc, char** argv) {
  return argc == 3 && absl::string_view(argv[1]) == kWorkerRole;
}

int RunTestWorker(char** argv) {
  const int memory = open(argv[2], O_RDWR | O_CLOEXEC);
  auto* const watch = static_cast<Watch*>(Map(memory));
  close(memory);
  HandlerRegistry handlers;
  RegisterTestHandlers(&handlers, watch);
  return RunWorkerRole(handlers);
}

void RegisterTestHandlers(HandlerRegistry* handlers, Watch* watch) {
  RegisterBuiltinHandlers(handlers, {.spin = kDefaultSpin});
  const auto watched = [watch](const Message& message, Reply* reply) {
    watch->seen.Add(message.payload);
    return Echo(message, reply);
  };
  const auto gated = [watch](const Message& message, Reply* reply) {
    watch->seen.Add(message.payload);
    watch->gate.Pass();
    return Echo(message, reply);
  };
  handlers->Register("seen", Make(watched), {.never_blocks = true})
      .Register("pool", Make(watched))
      .Register("gate", Make(gated))
      .Register("inlinegate", Make(gated), {.never_blocks = true})
      .Register("throw", Make([](const Message&, Reply*) -> absl::Status {
                  throw std::runtime_error("thrown by the handler");
                }))
      .Register("size", Make(Size), {.never_blocks = true})
      .Register("jitter", Make(Jitter))
      .Register("who", std::make_unique<FunctionHandler>(Who),
                {.never_blocks = true})
      .Register("whopool", std::make_unique<FunctionHandler>(Who))
      .Register("later", std::make_unique<Later>());
}

}  // namespace msgproc::processor
