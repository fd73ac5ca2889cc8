#ifndef MSGPROC_COMMON_COMPLETION_MARKER_H_
#define MSGPROC_COMMON_COMPLETION_MARKER_H_

#include "grpc/grpc.h"

namespace msgproc {

// A mark in the queue of a callback call's completions: who posts it hears when
// everything that had completed by then was taken from the queue. So a reactor
// that has just asked for the next frame learns whether that was there already,
// without waiting for it.
//
// gRPC's core takes a batch of no operations for that purpose and completes it
// at once (grpc_call_start_batch in grpc/grpc.h).
//
// Post may be called by any thread, while none is under way. The call and the
// marker must live until OnReached was called, on a thread of gRPC; nothing of
// the marker is touched behind that. To gRPC it is no reaction of the call's:
// it waits with OnDone for a marker as little as for an OnReached that runs, so
// whoever ends calls must.
class CompletionMarker : private grpc_completion_queue_functor {
 public:
  CompletionMarker();
  CompletionMarker(const CompletionMarker&) = delete;
  CompletionMarker& operator=(const CompletionMarker&) = delete;

  void Post(grpc_call* call);

 protected:
  ~CompletionMarker() = default;

 private:
  virtual void OnReached() = 0;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_COMPLETION_MARKER_H_
