#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_WATCHED_SESSIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_WATCHED_SESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/live_trace.h"
#include "services/processor/session/session_trace.h"

namespace msgproc::processor {

// The sessions that operators single out: those whose events are logged at
// debug, and those whose events are kept for who follows them. Bounds how many
// that are, since either costs something a frame. Keeps no session alive.
// Thread-safe.
class WatchedSessions {
 public:
  static constexpr size_t kMaxLogged = 16;
  static constexpr size_t kMaxTraced = 8;

  // `clock`, the sessions' own, outlives it.
  explicit WatchedSessions(const Clock* clock) : clock_(clock) {}

  // Whether the session's events are logged at debug from here on, until it
  // ends. Returns whether they were. RESOURCE_EXHAUSTED: kMaxLogged others are.
  absl::StatusOr<bool> Log(const std::shared_ptr<HostedSession>& session,
                           bool log);

  // What a reader of the events of session `id` has not read yet; `trace` and
  // `through` are of its page before. Begins to record if need be.
  struct Page {
    SessionTrace::Page events;
    // What to add to the events' times for the date.
    absl::Duration to_date;
    // The session has gone; these are its last events.
    bool gone = false;
  };
  // `session` null: this server does not hold it, NOT_FOUND unless its last
  // events are kept still. RESOURCE_EXHAUSTED: kMaxTraced others are followed.
  absl::StatusOr<Page> Read(const std::string& id,
                            const std::shared_ptr<HostedSession>& session,
                            uint64_t trace, uint64_t through);

 private:
  struct Traced {
    std::string id;
    std::weak_ptr<HostedSession> session;
    std::shared_ptr<LiveTrace> live;
    // As of Page. Clocks drift apart, but not while somebody reads.
    absl::Duration to_date;
  };

  // The trace of the session, begun if need be; an error as of Read.
  absl::StatusOr<Traced*> Find(const std::string& id,
                               const std::shared_ptr<HostedSession>& session,
                               absl::Time now) MSGPROC_REQUIRES(mutex_);

  const Clock* const clock_;

  Mutex mutex_;
  std::vector<std::weak_ptr<HostedSession>> logged_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<Traced> traced_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t last_trace_ MSGPROC_GUARDED_BY(mutex_) = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_WATCHED_SESSIONS_H_
