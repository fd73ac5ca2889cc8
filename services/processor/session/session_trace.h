#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_TRACE_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "services/processor/session/session_event.h"

namespace msgproc::processor {

// The last events of a session that operators follow, numbered from 1 on, for
// any number of readers, each of which knows how far it has read. Ends by
// itself once nobody has asked for kPatience: it may be that whoever followed
// died. Pure; times are handed in, of the session's clock.
class SessionTrace {
 public:
  // Older events go when there are more.
  static constexpr size_t kMaxEvents = 4096;
  static constexpr absl::Duration kPatience = absl::Seconds(10);

  // `id`, which is not 0, names it among all of its process.
  SessionTrace(uint64_t id, absl::Time now);

  // Keeps an event. False: the trace is over, and stays so.
  bool Add(SessionEvent event);

  // What a reader has not read yet.
  struct Page {
    std::vector<SessionEvent> events;
    uint64_t trace = 0;    // The trace's id.
    uint64_t through = 0;  // The number of the last event there was.
    // Events that the reader has not read, and that are gone.
    uint64_t dropped = 0;
  };
  // For a reader who has read events of the trace `trace` up to `through`.
  // Another trace's reader, such as one that begins (0), gets all that is kept,
  // and has missed nothing. Nullopt: the trace is over.
  absl::optional<Page> Read(uint64_t trace, uint64_t through, absl::Time now);

  // Nobody has asked for too long.
  bool Over(absl::Time now) const {
    return over_ || now - read_at_ >= kPatience;
  }

 private:
  const uint64_t id_;
  absl::Time read_at_;
  // Whoever writes was told so, and has gone: its clock may have been read
  // behind the next reader's.
  bool over_ = false;
  // The number of the last event.
  uint64_t last_ = 0;
  std::deque<SessionEvent> events_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_TRACE_H_
