#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_ANONYMOUS_SESSIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_ANONYMOUS_SESSIONS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "common/mutex.h"
#include "services/processor/session/hosted_session.h"

namespace msgproc::processor {

// The sessions of streams without an `Open`, by number, so that operators find
// them: the SessionTable has none of them. Keeps none alive. Thread-safe.
class AnonymousSessions {
 public:
  void Add(const std::shared_ptr<HostedSession>& session);
  // Its stream has ended. Unknown ones are ignored.
  void Remove(const HostedSession& session);

  // Null: there is none.
  std::shared_ptr<HostedSession> Find(uint64_t number) const;
  // Appends them, oldest first. They are gathered piece by piece, so that no
  // stream waits for long; one that comes or goes meanwhile may be missed.
  void AppendTo(std::vector<std::shared_ptr<HostedSession>>* sessions) const;

 private:
  mutable Mutex mutex_;
  std::map<uint64_t, std::weak_ptr<HostedSession>> sessions_
      MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_ANONYMOUS_SESSIONS_H_
