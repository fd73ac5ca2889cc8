#ifndef MSGPROC_COMMON_LOCALITY_H_
#define MSGPROC_COMMON_LOCALITY_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace msgproc {

// Where something runs, as Envoy's Locality and the topology labels of
// Kubernetes have it. Each part may be empty: unknown. A plain value.
struct Locality {
  // Of each part.
  static constexpr size_t kMaxPartBytes = 128;

  std::string region;
  std::string zone;
  // Passed on to clients that look at it; nothing here does.
  std::string sub_zone;

  bool empty() const {
    return region.empty() && zone.empty() && sub_zone.empty();
  }

  friend bool operator==(const Locality& a, const Locality& b) {
    return a.region == b.region && a.zone == b.zone && a.sub_zone == b.sub_zone;
  }
};

// In order of preference, the worst first.
enum class Proximity { kElsewhere, kSameRegion, kSameZone };

// What is unknown is near to nothing. A zone is told by its region and its
// name: "a" of one region is not "a" of another.
Proximity ProximityOf(const Locality& a, const Locality& b);

// INVALID_ARGUMENT, saying which part and why, when a part is too long, is not
// UTF-8, or holds a blank, a control character or a slash.
absl::Status Validate(const Locality& locality);

// Reads "region/zone/sub_zone", of which the end may be missing and each part
// be empty: "eu-west-1/eu-west-1a", "/rack-7", "/", "". INVALID_ARGUMENT as
// above, or for more than three parts.
absl::StatusOr<Locality> ParseLocality(absl::string_view text);

// As ParseLocality reads it, without slashes at the end.
std::string FormatLocality(const Locality& locality);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_LOCALITY_H_
