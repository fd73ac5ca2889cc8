#include "services/balancer/roster_load.h"

#include <algorithm>

#include "common/check.h"

namespace msgproc::balancer {

RosterLoad::RosterLoad(const Roster* roster)
    : roster_(roster),
      calls_per_sum_(std::min<uint64_t>(kCallsPerSum, roster->size())) {
  for (size_t i = 0; i < roster_->size(); ++i) {
    weight_ += (*roster_)[i].weight();
  }
}

double RosterLoad::Load() const {
  MSGPROC_CHECK_GT(calls_per_sum_, 0U);
  if (calls_.fetch_add(1, std::memory_order_relaxed) % calls_per_sum_ == 0) {
    uint64_t sum = 0;
    for (size_t i = 0; i < roster_->size(); ++i) sum += (*roster_)[i].load();
    load_.store(sum, std::memory_order_relaxed);
  }
  return static_cast<double>(load_.load(std::memory_order_relaxed));
}

}  // namespace msgproc::balancer
