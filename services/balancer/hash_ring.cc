#include "services/balancer/hash_ring.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "common/split_mix.h"

namespace msgproc::balancer {
namespace {

// Points of a server of weight 1. More are more even (the shares' deviation is
// about one over the root of this) and cost memory and time to sort.
constexpr double kPointsPerWeight = 128;
// What all servers have together, at most about: with more weight than this
// allows for, everyone's points are halved until they fit. Powers of two,
// because a server's points stay where they are: it only keeps the first half.
constexpr double kMaxPoints = 1 << 18;

double PointsPerWeight(const Roster& roster) {
  double total = 0;
  for (size_t i = 0; i < roster.size(); ++i) total += roster[i].weight();
  double points = kPointsPerWeight;
  while (points * total > kMaxPoints) points /= 2;
  return points;
}

}  // namespace

uint64_t StableHash(absl::string_view bytes) {
  // FNV-1a (Fowler, Noll, Vo), whose weak upper bits Mix64 makes good.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  return Mix64(hash);
}

HashRing::HashRing(const Roster& roster) {
  const double points_per_weight = PointsPerWeight(roster);
  for (size_t i = 0; i < roster.size(); ++i) {
    const auto count = static_cast<size_t>(
        std::max(1.0, std::round(roster[i].weight() * points_per_weight)));
    const uint64_t seed = StableHash(roster[i].server_id());
    for (size_t j = 0; j < count; ++j) {
      points_.push_back(
          {Mix64(seed + j * 0x9e3779b97f4a7c15), static_cast<uint32_t>(i)});
    }
  }
  std::sort(points_.begin(), points_.end(), [](const Point& a, const Point& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.owner < b.owner;
  });
}

size_t HashRing::Find(uint64_t hash) const {
  MSGPROC_CHECK(!points_.empty());
  const auto point = std::lower_bound(
      points_.begin(), points_.end(), hash,
      [](const Point& a, uint64_t wanted) { return a.hash < wanted; });
  return point == points_.end() ? 0 : point - points_.begin();
}

}  // namespace msgproc::balancer
