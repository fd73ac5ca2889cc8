#ifndef MSGPROC_SERVICES_BALANCER_LOOKUP_ZONE_H_
#define MSGPROC_SERVICES_BALANCER_LOOKUP_ZONE_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "common/locality.h"

namespace msgproc::balancer {

// Whether a look-up was given a server in its client's zone. A plain value.
enum class LookupZone {
  kSame,
  kOther,  // Or the server does not say where it is.
  kNone,   // The client does not say in which zone it is.
};
inline constexpr size_t kLookupZones = 3;

// `client`: where it says it is; null: it says nothing.
LookupZone LookupZoneOf(const Locality* client, const Locality& server);

// "same", "other", "none".
absl::string_view LookupZoneName(LookupZone zone);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_LOOKUP_ZONE_H_
