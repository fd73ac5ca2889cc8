#ifndef MSGPROC_WIRE_PROTO_DURATION_H_
#define MSGPROC_WIRE_PROTO_DURATION_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/util/time_util.h"

namespace msgproc::wire {

// Lengths of time as protobuf has them, and as we do. Longer ones than 292
// years become that.

inline google::protobuf::Duration ToProto(absl::Duration duration) {
  return google::protobuf::util::TimeUtil::NanosecondsToDuration(
      absl::ToInt64Nanoseconds(duration));
}

inline absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_PROTO_DURATION_H_
