#ifndef MSGPROC_SERVICES_ETCD_LOOP_H_
#define MSGPROC_SERVICES_ETCD_LOOP_H_

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/state_dump.h"

namespace msgproc::etcd {

// A thread that everything about one registry happens on, so that machines and
// calls need no locks: gRPC's threads only post what they bring. Thread-safe.
class Loop {
 public:
  // Does what is due; returns when it is to be called next if nothing is
  // posted before. Called after each batch of tasks.
  using Step = std::function<absl::Time()>;

  Loop() = default;
  // Drops what was posted and not run.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Once.
  void Start(Step step);
  // Runs `task` on the thread, before long.
  void Post(std::function<void()> task);
  // What `ask` returns on the thread; nothing, where the thread has not come to
  // it within a second. Then it may run later, and what it refers to must live
  // until Stop. Not from the thread itself.
  template <typename Question>
  std::optional<std::invoke_result_t<Question>> Ask(Question question) {
    struct Answer {
      Mutex mutex;
      CondVar came;
      std::optional<std::invoke_result_t<Question>> value
          MSGPROC_GUARDED_BY(mutex);
    };
    const auto answer = std::make_shared<Answer>();
    Post([answer, question = std::move(question)] {
      auto value = question();
      MutexLock lock(&answer->mutex);
      answer->value = std::move(value);
      answer->came.Signal();
    });
    const absl::Time deadline = Clock::Monotonic()->Now() + absl::Seconds(1);
    MutexLock lock(&answer->mutex);
    while (!answer->value.has_value()) {
      const absl::Duration left = deadline - Clock::Monotonic()->Now();
      if (left <= absl::ZeroDuration()) return std::nullopt;
      answer->came.WaitFor(&answer->mutex, left);
    }
    return std::move(answer->value);
  }
  // Adds what `ask` returns on the thread; where that does not answer, this
  // alone, as of `machine`. As Ask.
  void AddDumps(absl::string_view machine,
                const std::function<std::vector<StateDump>()>& ask,
                std::vector<StateDump>* dumps);
  // Nothing runs any more when it returns. Not from the thread itself.
  void Stop();

 private:
  void Run();

  Step step_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::function<void()>> tasks_ MSGPROC_GUARDED_BY(mutex_);
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_LOOP_H_
