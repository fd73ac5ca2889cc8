#ifndef MSGPROC_WIRE_GATHERER_H_
#define MSGPROC_WIRE_GATHERER_H_

#include <cstddef>

#include "common/check.h"
#include "wire/gather_policy.h"

namespace msgproc::wire {

// Holds back what is to be written while more of it may be about to come: the
// state beside GatherPolicy, the same at both ends of a stream.
//
// A marker (CompletionMarker) tells whether another frame had come already. The
// owner posts it when told to, at most one at a time:
//
//   OnFrame ─▶ Consider ─▶ gathering ─▶ Mark ─▶ OnReached
//                 │                       ▲         ├─ another had come
//                 ▼                       └─────────┘
//              write now ◀────── none had ──────────┘
//
// Pure. Not thread-safe.
class Gatherer {
 public:
  // A frame has come.
  void OnFrame() { frame_came_ = true; }

  // The frame that came last was dealt with; `messages` in `bytes` are to be
  // written because of it and those before it.
  void Consider(size_t messages, size_t bytes) {
    gathering_ = messages > 0 && policy_.ShouldLook(messages, bytes);
  }

  // What waits is to be written now.
  void Stop() { gathering_ = false; }

  bool gathering() const { return gathering_; }
  bool marker_in_flight() const { return marker_ != Marker::kNone; }

  // A marker is posted, to look for another frame.
  void Mark() {
    MSGPROC_CHECK(!marker_in_flight());
    marker_ = Marker::kLooks;
    frame_came_ = false;
  }

  // A marker is posted for its own sake: whoever posts it wants to go on once
  // all that has completed by now was seen.
  void MarkOnly() {
    MSGPROC_CHECK(!marker_in_flight());
    marker_ = Marker::kPasses;
  }

  // The marker was reached. `processing`: a frame is being dealt with, and
  // Consider follows, so that nothing is written before that.
  void OnReached(bool processing) {
    MSGPROC_CHECK(marker_in_flight());
    if (marker_ == Marker::kLooks) {
      policy_.OnLooked(frame_came_);
      gathering_ = gathering_ && (frame_came_ || processing);
    }
    marker_ = Marker::kNone;
  }

 private:
  enum class Marker { kNone, kLooks, kPasses };

  GatherPolicy policy_;
  bool gathering_ = false;
  Marker marker_ = Marker::kNone;
  bool frame_came_ = false;  // Since the marker was posted.
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_GATHERER_H_
