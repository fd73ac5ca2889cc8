#include "services/etcd/loop.h"

#include <utility>

#include "common/check.h"
#include "common/clock.h"

namespace msgproc::etcd {

Loop::~Loop() { Stop(); }

void Loop::Start(Step step) {
  MSGPROC_CHECK(!thread_.joinable());
  MSGPROC_CHECK(step != nullptr);
  step_ = std::move(step);
  thread_ = std::thread([this] { Run(); });
}

void Loop::Post(std::function<void()> task) {
  MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  changed_.SignalAll();
}

void Loop::AddDumps(absl::string_view machine,
                    const std::function<std::vector<StateDump>()>& ask,
                    std::vector<StateDump>* dumps) {
  const auto asked = Ask(ask);
  if (!asked.has_value()) {
    dumps->emplace_back(StateDump(machine, {{"answers", false}}));
    return;
  }
  dumps->insert(dumps->end(), asked->begin(), asked->end());
}

void Loop::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Loop::Run() {
  std::vector<std::function<void()>> tasks;
  while (true) {
    for (const auto& task : tasks) task();
    // What they hold goes here, with no lock held.
    tasks.clear();
    const absl::Time wake = step_();
    MutexLock lock(&mutex_);
    if (tasks_.empty() && !stopping_) {
      const absl::Duration left = wake - Clock::Monotonic()->Now();
      if (left > absl::ZeroDuration()) changed_.WaitFor(&mutex_, left);
    }
    if (stopping_) return;
    tasks.swap(tasks_);
  }
}

}  // namespace msgproc::etcd
