#ifndef MSGPROC_SERVICES_BALANCER_HASH_RING_H_
#define MSGPROC_SERVICES_BALANCER_HASH_RING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/balancer/roster.h"

namespace msgproc::balancer {

// The same for the same bytes, in every process and on every machine, so that
// balancers that share nothing agree.
uint64_t StableHash(absl::string_view bytes);

// Consistent hashing (Karger et al. 1997): every server owns points on a ring,
// in proportion to its weight and placed by its server_id; a key belongs to
// the next point clockwise. A server that comes or goes moves only the keys
// that it gets or had. Immutable once made; thread-safe.
class HashRing {
 public:
  explicit HashRing(const Roster& roster);

  // Where a key's walk begins. The ring must not be empty.
  size_t Find(uint64_t hash) const;
  size_t Next(size_t point) const {
    return point + 1 == points_.size() ? 0 : point + 1;
  }
  // The roster's index of the server that owns a point.
  size_t Owner(size_t point) const {
    MSGPROC_CHECK_LT(point, points_.size());
    return points_[point].owner;
  }

  size_t size() const { return points_.size(); }

 private:
  struct Point {
    uint64_t hash;
    uint32_t owner;
  };
  // Sorted by hash.
  std::vector<Point> points_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_HASH_RING_H_
