#ifndef MSGPROC_WIRE_PROTO_LOCALITY_H_
#define MSGPROC_WIRE_PROTO_LOCALITY_H_

#include "common/locality.h"
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::wire {

// Localities on the wire, of our protocol and of xDS, and as we have them.
// Nothing is checked.

inline v1::Locality ToProto(const Locality& locality) {
  v1::Locality proto;
  proto.set_region(locality.region);
  proto.set_zone(locality.zone);
  proto.set_sub_zone(locality.sub_zone);
  return proto;
}

template <typename LocalityProto>
Locality LocalityFromProto(const LocalityProto& proto) {
  return {proto.region(), proto.zone(), proto.sub_zone()};
}

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_PROTO_LOCALITY_H_
