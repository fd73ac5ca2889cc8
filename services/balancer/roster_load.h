#ifndef MSGPROC_SERVICES_BALANCER_ROSTER_LOAD_H_
#define MSGPROC_SERVICES_BALANCER_ROSTER_LOAD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "services/balancer/roster.h"

namespace msgproc::balancer {

// What the servers of a roster have to do together, and their share of it: what
// bounds by load are made of. Thread-safe.
class RosterLoad {
 public:
  // A roster's load is added up anew every so many calls of Load as it has
  // servers, but every kCallsPerSum at least: it may be off by the picks in
  // between, at most one for each server on average.
  static constexpr uint64_t kCallsPerSum = 64;

  // The roster outlives it.
  explicit RosterLoad(const Roster* roster);

  // The roster is not empty.
  double Load() const;
  double weight() const { return weight_; }
  size_t servers() const { return roster_->size(); }

 private:
  const Roster* const roster_;
  const uint64_t calls_per_sum_;
  double weight_ = 0;
  mutable std::atomic<uint64_t> calls_{0};
  mutable std::atomic<uint64_t> load_{0};
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ROSTER_LOAD_H_
