#ifndef MSGPROC_CLIENT_CALL_STATE_H_
#define MSGPROC_CLIENT_CALL_STATE_H_

#include <utility>

#include "absl/status/status.h"
#include "common/check.h"

namespace msgproc::client {

// One call as ConnectionState sees it: what is in flight on it, and whether it
// was given up. Pure; not thread-safe.
class CallState {
 public:
  // Its first write begins with it, and nobody else writes before.
  void Begin() {
    MSGPROC_CHECK(!write_in_flight_);
    MSGPROC_CHECK_EQ(markers_reached_, 0);
    *this = CallState();
    write_in_flight_ = true;
  }
  // It exists, and can be cancelled. Whether it is to be.
  bool OnMade() {
    MSGPROC_CHECK(!made_);
    made_ = true;
    return TakeCancel();
  }

  bool MayWrite() const { return !write_in_flight_ && !write_ended_; }
  bool write_in_flight() const { return write_in_flight_; }
  void OnWrite() {
    MSGPROC_CHECK(MayWrite());
    write_in_flight_ = true;
  }
  void OnWritten(bool ok) {
    MSGPROC_CHECK(write_in_flight_);
    write_in_flight_ = false;
    if (!ok) write_ended_ = true;
  }
  void OnReadEnded() { read_ended_ = write_ended_ = true; }
  bool read_ended() const { return read_ended_; }

  // We give it up, for the first reason there is.
  void Break(absl::Status why) {
    MSGPROC_CHECK(!why.ok());
    if (!broken_.ok()) return;
    write_ended_ = true;
    cancel_ = true;
    broken_ = std::move(why);
  }
  const absl::Status& broken() const { return broken_; }
  // Whether it is to be cancelled now; once.
  bool TakeCancel() { return made_ && std::exchange(cancel_, false); }

  // A thread has been told that a marker was reached, and is done with what
  // comes of it. A call must not end meanwhile, and gRPC does not know of it.
  void OnMarkerReached() { ++markers_reached_; }
  void OnMarkerDone() {
    MSGPROC_CHECK_GT(markers_reached_, 0);
    --markers_reached_;
  }

  // Whether to let go of it now; once. `needed`: something is still to be
  // started on it.
  bool TakeRelease(bool needed) {
    const bool over = made_ && read_ended_ && !write_in_flight_ &&
                      markers_reached_ == 0 && !needed;
    return over && !std::exchange(released_, true);
  }

 private:
  bool made_ = false;
  bool write_in_flight_ = false;
  bool write_ended_ = false;
  bool read_ended_ = false;
  bool released_ = false;
  bool cancel_ = false;
  absl::Status broken_;
  int markers_reached_ = 0;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_CALL_STATE_H_
