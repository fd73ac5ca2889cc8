#include "services/base/liveness.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/completion_marker.h"
#include "common/unsent_call.h"
#include "services/base/metric_writer.h"

namespace msgproc::base {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(250);

}  // namespace

// Goes through the queue of gRPC's callbacks and beats a pulse when it is taken
// from it.
class Liveness::CallbackMark final : public CompletionMarker {
 public:
  explicit CallbackMark(StallWatch::Pulse* pulse) : pulse_(pulse) {}

  // Nothing while it is under way.
  void Send() {
    if (!under_way_.exchange(true)) Post(call_.c_call());
  }

  // Frees `mark`, unless it is under way: then it stays for ever, as threads
  // that do not move any more must not hold up the end of the process.
  static void Abandon(std::unique_ptr<CallbackMark> mark) {
    {
      MutexLock lock(&mark->mutex_);
      mark->pulse_ = nullptr;
    }
    if (!mark->under_way_.load()) return;
    [[maybe_unused]] const CallbackMark* const kept = mark.release();
  }

 private:
  void OnReached() override {
    {
      MutexLock lock(&mutex_);
      if (pulse_ != nullptr) pulse_->Beat();
    }
    under_way_.store(false);  // It may be gone behind this.
  }

  UnsentCall call_;
  std::atomic<bool> under_way_{false};
  Mutex mutex_;
  StallWatch::Pulse* pulse_ MSGPROC_GUARDED_BY(mutex_);
};

Liveness::Liveness(const Options& options)
    : options_(options), watch_(kInterval), thread_([this] { Run(); }) {}

Liveness::~Liveness() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
  if (mark_ != nullptr) CallbackMark::Abandon(std::move(mark_));
}

void Liveness::WatchCallbacks() {
  auto mark = std::make_unique<CallbackMark>(watch_.Watch("grpc_callbacks"));
  MutexLock lock(&mutex_);
  mark_ = std::move(mark);
}

void Liveness::Run() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    CallbackMark* const mark = mark_.get();  // Set once.
    lock.Unlock();
    if (mark != nullptr) mark->Send();
    watch_.Look(Clock::Monotonic()->Now());
    lock.Relock();
    if (!stopping_) changed_.WaitFor(&mutex_, kInterval);
  }
}

std::string Liveness::WhyNot(absl::Duration most) const {
  const StallWatch::Stall stall = watch_.longest();
  if (stall.silence < most) return "";
  return absl::StrCat("serving thread ", stall.name, " has not moved for ",
                      absl::FormatDuration(stall.silence));
}

std::vector<prometheus::MetricFamily> Liveness::Collect() const {
  MetricWriter writer;
  auto seconds =
      writer.Gauge("msgproc_stall_seconds",
                   "For how long threads that serve have not moved.");
  for (const StallWatch::Stall& stall : watch_.stalls()) {
    seconds.Add({{"thread", stall.name}}, absl::ToDoubleSeconds(stall.silence));
  }
  return writer.Take();
}

HttpHandlers HealthPages(const Liveness* liveness,
                         std::function<std::string()> why_not_ready) {
  const auto answer = [](const std::string& why_not, absl::string_view well) {
    if (why_not.empty()) return HttpResponse{.body = absl::StrCat(well, "\n")};
    return HttpResponse{.code = 503, .body = why_not + "\n"};
  };
  HttpHandlers pages;
  pages["/healthz"] = [=](const HttpRequest&) {
    return answer(liveness == nullptr ? "" : liveness->WhyNotHealthy(), "ok");
  };
  pages["/readyz"] = [=, why_not_ready =
                             std::move(why_not_ready)](const HttpRequest&) {
    std::string why_not = why_not_ready();
    if (why_not.empty() && liveness != nullptr) {
      why_not = liveness->WhyNotReady();
    }
    return answer(why_not, "ready");
  };
  return pages;
}

}  // namespace msgproc::base
