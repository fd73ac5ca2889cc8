#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_USAGE_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_USAGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "services/base/identity/principal.h"

namespace msgproc::processor {

// What each principal sends, for people: few of them by name, and all others
// together. Bounded, however many there are. Thread-safe.
//
// Every number shown only grows, as counters must: who comes among the few is
// counted by name from then on, and what it did before stays with the others.
class PrincipalUsage {
 public:
  // Shown by name.
  static constexpr size_t kShown = 20;
  // Known at a time; who comes when there are as many that have streams counts
  // with the others.
  static constexpr size_t kKnown = 4096;

  // What one has sent. Any number of its streams add to it.
  class Count {
   public:
    void Add(uint64_t messages, uint64_t bytes) {
      messages_.fetch_add(messages, std::memory_order_relaxed);
      bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }

   private:
    friend class PrincipalUsage;
    std::atomic<uint64_t> messages_{0};
    std::atomic<uint64_t> bytes_{0};
  };

  explicit PrincipalUsage(size_t shown = kShown, size_t known = kKnown)
      : shown_(shown), known_(known), rest_(std::make_shared<Count>()) {}

  // To be kept while the principal has a stream. Null: it is anonymous.
  std::shared_ptr<Count> For(const base::Principal& principal)
      MSGPROC_EXCLUDES(mutex_);

  struct Sent {
    uint64_t messages = 0;
    uint64_t bytes = 0;
  };
  struct Line {
    base::Principal::Source source = base::Principal::Source::kAnonymous;
    std::string name;  // Empty: all others.
    Sent sent;
  };
  // Those who have sent the most messages so far, and then the others.
  std::vector<Line> Top() MSGPROC_EXCLUDES(mutex_);

 private:
  using Key = std::pair<base::Principal::Source, std::string>;
  struct Entry {
    std::shared_ptr<Count> count = std::make_shared<Count>();
    Sent seen;   // Of the count.
    Sent shown;  // By name.
    bool top = false;
  };

  // What has been sent since the last time.
  static Sent Take(const Count& count, Sent* seen);
  // Those without a stream that are not shown.
  void Forget() MSGPROC_REQUIRES(mutex_);

  const size_t shown_;
  const size_t known_;
  Mutex mutex_;
  std::map<Key, Entry> entries_ MSGPROC_GUARDED_BY(mutex_);
  const std::shared_ptr<Count> rest_;
  Sent rest_seen_ MSGPROC_GUARDED_BY(mutex_);
  Sent others_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_PRINCIPAL_USAGE_H_
