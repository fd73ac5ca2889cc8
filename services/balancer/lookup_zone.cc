#include "services/balancer/lookup_zone.h"

namespace msgproc::balancer {

LookupZone LookupZoneOf(const Locality* client, const Locality& server) {
  if (client == nullptr || client->zone.empty()) return LookupZone::kNone;
  return ProximityOf(*client, server) == Proximity::kSameZone
             ? LookupZone::kSame
             : LookupZone::kOther;
}

absl::string_view LookupZoneName(LookupZone zone) {
  switch (zone) {
    case LookupZone::kSame:
      return "same";
    case LookupZone::kOther:
      return "other";
    case LookupZone::kNone:
      return "none";
  }
  return "unknown";
}

}  // namespace msgproc::balancer
