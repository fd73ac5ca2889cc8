#include "services/base/server_lifecycle.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/callback_threads.h"
#include "common/exit_barrier.h"
#include "common/mutex.h"
#include "common/process_tuning.h"
#include "services/base/address_file.h"
#include "services/base/build_info.h"
#include "services/base/descriptor_limit.h"
#include "services/base/heap_trimmer.h"
#include "services/base/liveness.h"
#include "services/base/log.h"
#include "services/base/setting_name.h"
#include "services/base/shutdown_signal.h"
#include "services/base/standard_streams.h"
#include "services/base/systemd_notify.h"
#include "services/base/wrong_settings.h"

namespace msgproc::base {
namespace {

// What the signals have asked for and the main thread has not done.
// Thread-safe.
class Requests {
 public:
  enum class Request { kReload, kDrain };

  // False: the server has not started yet, and nobody looks at requests.
  bool AskDrain() {
    MutexLock lock(&mutex_);
    if (!started_) return false;
    drain_ = true;
    changed_.SignalAll();
    return true;
  }
  void Started() {
    MutexLock lock(&mutex_);
    started_ = true;
  }
  void AskReload() {
    MutexLock lock(&mutex_);
    reload_ = true;
    changed_.SignalAll();
  }
  Request WaitForOne() {
    MutexLock lock(&mutex_);
    while (!drain_ && !reload_) changed_.Wait(&mutex_);
    if (drain_) return Request::kDrain;
    reload_ = false;
    return Request::kReload;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool started_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool drain_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool reload_ MSGPROC_GUARDED_BY(mutex_) = false;
};

void RaiseAndLogDescriptorLimit() {
  const uint64_t before = DescriptorLimit();
  const uint64_t after = RaiseDescriptorLimit();
  if (after == before) return;
  LogInfo("the soft limit on descriptors was raised to the hard one",
          {{"from", before}, {"to", after}});
}

int CannotStart(absl::string_view name, const absl::Status& status) {
  // Settings that are wrong together are a line each.
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    LogError(absl::StrCat(name, " cannot start: ", line));
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
      return kUsageExitCode;
    default:
      return 1;
  }
}

// Exit code. What is wrong goes to standard error, as plain text: it is for the
// person, or the script, that asked.
int SayWhetherOk(absl::string_view name, const absl::Status& status) {
  if (status.ok()) {
    std::puts("ok");
    return 0;
  }
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    std::string shown;
    AppendOneLine(line, &shown);
    std::fprintf(stderr, "%s: %s\n", std::string(name).c_str(), shown.c_str());
  }
  return 1;
}

void ChangeLogLevel(LogLevel level) {
  SetLogLevel(level);
  Log(level, "log level changed", {{"log_level", LogLevelName(level)}});
}

// Says so once when it changes: the last line of a server that systemd is about
// to kill should say why. Called on the watchdog's thread.
bool Healthy(const Liveness& liveness) {
  static std::string said;
  const std::string why_not = liveness.WhyNotHealthy();
  if (why_not.empty() != said.empty()) {
    LogError(why_not.empty() ? "moving again" : "stalled",
             {{"reason", why_not.empty() ? said : why_not}});
    said = why_not;
  }
  return why_not.empty();
}

// Nothing was accepted and nothing is to be drained, while what is being
// started may take as long as it likes. What was started ends with this
// process.
[[noreturn]] void StopWhileStarting() {
  LogInfo("stopped while starting");
  FlushLog();
  ExitBarrier::Exit(0);
}

void Serve(RunningServer* server, Requests* requests) {
  const std::string status =
      absl::StrCat("serving gRPC on ", server->grpc_address());
  NotifyReady(status);
  while (requests->WaitForOne() == Requests::Request::kReload) {
    NotifyReloading();
    server->Reload();
    NotifyReady(status);
  }
}

}  // namespace

int RunServer(const ProgramInfo& program, const StartServer& start,
              const CheckServer& check) {
  OpenClosedStandardStreams();
  TuneProcess();
  ShutdownSignal::Block();
  WrongSettings wrong;
  ServerOptions options = ServerOptionsFromFlags(&wrong);
  // Before anything listens: all that is wrong is said at once, and whatever
  // the system refuses is the last to be said.
  wrong.Add(check(options));
  if (CheckConfigAsked()) {
    return SayWhetherOk(program.name, wrong.AsStatus(AsFlag));
  }
  if (!wrong.empty()) return CannotStart(program.name, wrong.AsStatus(AsFlag));
  InitLog(options.log_format, options.log_level);
  RaiseAndLogDescriptorLimit();
  Requests requests;
  const ShutdownSignal signals({[&requests](int /*signal*/) {
                                  if (!requests.AskDrain()) StopWhileStarting();
                                },
                                [&requests] { requests.AskReload(); },
                                [usual = options.log_level](bool debug) {
                                  ChangeLogLevel(debug ? LogLevel::kDebug
                                                       : usual);
                                }});

  Liveness liveness(options.stalls);
  options.liveness = &liveness;
  absl::StatusOr<std::unique_ptr<RunningServer>> started = start(options);
  if (!started.ok()) return CannotStart(program.name, started.status());
  const std::unique_ptr<RunningServer> server = *std::move(started);
  requests.Started();
  const std::unique_ptr<CallbackThreads> callback_threads =
      options.park_callback_threads ? std::make_unique<CallbackThreads>()
                                    : nullptr;
  const std::unique_ptr<HeapTrimmer> heap_trimmer =
      options.trim_heap ? std::make_unique<HeapTrimmer>() : nullptr;
  liveness.WatchCallbacks();
  LogInfo("serving", {{"server", program.name},
                      {"version", GetBuildInfo().version},
                      {"grpc", server->grpc_address()},
                      {"http", server->http_address()}});
  if (!options.address_file.empty()) {
    const absl::Status written = WriteAddressFile(
        options.address_file, {{"grpc", server->grpc_address()},
                               {"http", server->http_address()},
                               {"xds", server->xds_address()}});
    if (!written.ok()) {
      return CannotStart(
          program.name,
          absl::Status(written.code(),
                       absl::StrCat("--address_file=", written.message())));
    }
  }
  const SystemdWatchdog watchdog([&liveness] { return Healthy(liveness); });
  Serve(server.get(), &requests);
  NotifyStopping();
  server->Drain(options.drain_timeout);
  LogInfo("drained", {{"server", program.name}});
  return 0;
}

}  // namespace msgproc::base
