#ifndef MSGPROC_WIRE_PROTO_TIME_H_
#define MSGPROC_WIRE_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace msgproc::wire {

// Dates as protobuf has them, and as we do. Not for InfiniteFuture and such.

inline google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  proto.set_seconds(absl::ToUnixSeconds(time));
  proto.set_nanos(static_cast<int>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(proto.seconds()))));
  return proto;
}

inline absl::Time FromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) +
         absl::Nanoseconds(proto.nanos());
}

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_PROTO_TIME_H_
