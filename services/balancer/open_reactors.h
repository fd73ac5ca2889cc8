#ifndef MSGPROC_SERVICES_BALANCER_OPEN_REACTORS_H_
#define MSGPROC_SERVICES_BALANCER_OPEN_REACTORS_H_

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/check.h"
#include "common/mutex.h"

namespace msgproc::balancer {

// The streams of one service, each from before its start until its OnDone. A
// `Reactor` has End(absl::Status), which may be called on any thread and more
// than once. Thread-safe.
template <typename Reactor>
class OpenReactors {
 public:
  // UNAVAILABLE: the balancer stops, and so the stream is to end at once.
  absl::Status Add(std::shared_ptr<Reactor> reactor) {
    MutexLock lock(&mutex_);
    Reactor* const key = reactor.get();
    const bool is_new = open_.emplace(key, std::move(reactor)).second;
    MSGPROC_CHECK(is_new);
    return stopping_ ? Stops() : absl::OkStatus();
  }

  void Remove(Reactor* reactor) {
    MutexLock lock(&mutex_);
    const size_t erased = open_.erase(reactor);
    MSGPROC_CHECK_EQ(erased, 1U);
  }

  std::vector<std::shared_ptr<Reactor>> All() const {
    MutexLock lock(&mutex_);
    std::vector<std::shared_ptr<Reactor>> all;
    all.reserve(open_.size());
    for (const auto& [key, reactor] : open_) all.push_back(reactor);
    return all;
  }

  size_t size() const {
    MutexLock lock(&mutex_);
    return open_.size();
  }

  // Ends every one, also those to come, UNAVAILABLE: the balancer stops.
  void EndAll() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (const auto& reactor : All()) reactor->End(Stops());
  }

 private:
  static absl::Status Stops() {
    return absl::UnavailableError("the balancer stops");
  }

  mutable Mutex mutex_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::unordered_map<Reactor*, std::shared_ptr<Reactor>> open_
      MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_OPEN_REACTORS_H_
