#include "common/callback_threads.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/completion_marker.h"
#include "common/mutex.h"
#include "common/spare_cores.h"
#include "common/thread_usage.h"
#include "common/unsent_call.h"
#include "grpc/support/cpu.h"

namespace msgproc {
namespace {

// As gRPC counts them (CompletionQueue::CallbackAlternativeCQ). Were there
// fewer, all would be parked for a moment, until Warden finds it out.
int CallbackThreadCount() {
  return static_cast<int>(std::clamp(gpr_cpu_num_cores() / 2, 2U, 16U));
}

}  // namespace

// Decides how many are parked, on a thread of its own.
class CallbackThreads::Warden {
 public:
  explicit Warden(const Options& options)
      : options_(options), most_(CallbackThreadCount() - 1), look_(this) {
    if (!options_.spare_cores) {
      options_.spare_cores = [spare = std::make_shared<SpareCores>()] {
        return spare->Take();
      };
    }
    for (int i = 0; i < most_; ++i) {
      markers_.push_back(std::make_unique<Parking>(this));
      idle_.push_back(markers_.back().get());
    }
    wanted_ = most_;
    thread_ = std::thread([this] { Run(); });
  }

  ~Warden() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.SignalAll();
    }
    thread_.join();
    MutexLock lock(&mutex_);
    while (in_flight_ > 0 || looking_) changed_.Wait(&mutex_);
  }

  int parked() const {
    MutexLock lock(&mutex_);
    return parked_;
  }

 private:
  // Occupies the thread that reaches it.
  class Parking final : public CompletionMarker {
   public:
    explicit Parking(Warden* warden) : warden_(warden) {}

   private:
    void OnReached() override { warden_->Park(this); }
    Warden* const warden_;
  };
  class Look final : public CompletionMarker {
   public:
    explicit Look(Warden* warden) : warden_(warden) {}

   private:
    void OnReached() override { warden_->OnLooked(); }
    Warden* const warden_;
  };

  void Park(Parking* marker) {
    MutexLock lock(&mutex_);
    ++parked_;
    changed_.SignalAll();
    while (parked_ <= wanted_ && !stopping_) changed_.Wait(&mutex_);
    --parked_;
    --in_flight_;
    idle_.push_back(marker);
    changed_.SignalAll();
  }

  void OnLooked() {
    MutexLock lock(&mutex_);
    looking_ = false;
    usage_.AddThisThread();
    changed_.SignalAll();
  }

  void Run() {
    MutexLock lock(&mutex_);
    absl::Time relieved = absl::InfinitePast();
    while (!stopping_) {
      // Looked behind the markers: whoever should run callbacks may just have
      // been parked while the others are busy.
      while (in_flight_ < wanted_) PostParking();
      if (!LookAround()) relieved = Now();
      WaitUntil(Now() + options_.look_interval, /*for_look=*/false);
      if (NeedsMore()) relieved = Now();
      if (wanted_ < most_ && Now() - relieved >= options_.relief) ++wanted_;
    }
  }

  void PostParking() MSGPROC_REQUIRES(mutex_) {
    Parking* const marker = idle_.back();
    idle_.pop_back();
    ++in_flight_;
    mutex_.Unlock();
    marker->Post(call_.c_call());
    mutex_.Lock();
  }

  // False: nobody was there for longer than it should be, and threads were let
  // go, one after another.
  bool LookAround() MSGPROC_REQUIRES(mutex_) {
    looking_ = true;
    mutex_.Unlock();
    look_.Post(call_.c_call());
    mutex_.Lock();
    bool in_time = true;
    while (looking_ && !stopping_) {
      WaitUntil(Now() + options_.patience, /*for_look=*/true);
      if (!looking_ || stopping_) break;
      in_time = false;
      if (wanted_ > 0) --wanted_;
      changed_.SignalAll();
    }
    return in_time;
  }

  // Whether one thread fewer would be too few. Lets another one go where those
  // at work were busy for three looks in a row and more than a core is idle.
  bool NeedsMore() MSGPROC_REQUIRES(mutex_) {
    constexpr int kLooks = 3;
    const int at_work = most_ + 1 - wanted_;
    const double busy = usage_.Take();
    if (busy < options_.saturation * at_work) {
      saturated_ = 0;
      return at_work > 1 && busy > 0.7 * (at_work - 1);
    }
    // The first call tells of a time before.
    const double spare = options_.spare_cores();
    if (++saturated_ < kLooks) return true;
    saturated_ = 0;
    if (spare > 1 && wanted_ > 0) {
      --wanted_;
      changed_.SignalAll();
    }
    return true;
  }

  // Or until it is to stop or, `for_look`, somebody has looked.
  void WaitUntil(absl::Time deadline, bool for_look) MSGPROC_REQUIRES(mutex_) {
    while (!stopping_ && (looking_ || !for_look)) {
      const absl::Duration left = deadline - Now();
      if (left <= absl::ZeroDuration()) return;
      changed_.WaitFor(&mutex_, left);
    }
  }

  static absl::Time Now() { return Clock::Monotonic()->Now(); }

  Options options_;  // Constant after construction.
  const int most_;
  UnsentCall call_;
  Look look_;
  std::vector<std::unique_ptr<Parking>> markers_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Parking*> idle_ MSGPROC_GUARDED_BY(mutex_);
  int wanted_ MSGPROC_GUARDED_BY(mutex_) = 0;     // Parked, that is.
  int in_flight_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Markers, and the parked.
  int parked_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool looking_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  // Of the threads that have looked, which soon are all those at work: it is by
  // chance which one does.
  ThreadUsage usage_ MSGPROC_GUARDED_BY(mutex_);
  int saturated_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Looks, one after another.
  std::thread thread_;
};

CallbackThreads::CallbackThreads() : CallbackThreads(Options()) {}
CallbackThreads::CallbackThreads(const Options& options)
    : warden_(std::make_unique<Warden>(options)) {}
CallbackThreads::~CallbackThreads() = default;

int CallbackThreads::parked() const { return warden_->parked(); }

}  // namespace msgproc
