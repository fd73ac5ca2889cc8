#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_ATTACHED_STREAM_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_ATTACHED_STREAM_H_

#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"

namespace msgproc::processor {

// The stream that has a session, as the session sees it: a ProcessReactor.
class AttachedStream {
 public:
  virtual ~AttachedStream() = default;
  // There may be results to write; `more`: others are about to come that are
  // worth waiting for. On any thread.
  virtual void OnResultsReady(bool more) = 0;
  // Another stream has the session now. On any thread.
  virtual void OnTakenOver() = 0;
  // For operators: adds what it holds. On any thread, without the session's
  // lock.
  virtual void AddDump(absl::Time /*now*/, std::vector<StateDump>* /*dumps*/) {}
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_ATTACHED_STREAM_H_
