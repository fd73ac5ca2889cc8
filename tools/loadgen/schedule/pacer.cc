#include "tools/loadgen/schedule/pacer.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "common/check.h"
#include "common/split_mix.h"

namespace msgproc::loadgen {

// Orders the heap; streams due at the same time take turns by number.
struct Pacer::Later {
  const std::vector<Lane>& lanes;
  bool operator()(int a, int b) const {
    const int64_t time_a = lanes[a].schedule.next();
    const int64_t time_b = lanes[b].schedule.next();
    return time_a != time_b ? time_a > time_b : a > b;
  }
};

Pacer::Pacer(int streams, double rate, Arrivals arrivals, int64_t start,
             uint64_t seed) {
  MSGPROC_CHECK_GT(streams, 0);
  MSGPROC_CHECK_GT(rate, 0.0);
  constexpr double kCentury = 3e18;
  const double spacing = std::min(1e9 / rate, kCentury / streams);
  lanes_.reserve(streams);
  queue_.reserve(streams);
  held_.reserve(streams);
  for (int i = 0; i < streams; ++i) {
    const uint64_t stream_seed = SplitMix64(&seed);
    // The sum of Poisson processes is one; uniform streams interleave evenly.
    const bool poisson = arrivals == Arrivals::kPoisson;
    const int64_t first = static_cast<int64_t>(poisson ? 0 : i * spacing);
    Schedule schedule(start + first, spacing * streams, arrivals, stream_seed);
    if (poisson) schedule.Advance();
    lanes_.push_back(Lane{schedule, std::numeric_limits<int64_t>::min()});
    Push(i);
  }
}

const Pacer::Due* Pacer::Earliest(int64_t now) {
  if (queue_.empty()) return nullptr;
  const int stream = queue_.front();
  const Lane& lane = lanes_[stream];
  const int64_t intended = lane.schedule.next();
  if (intended > now) return nullptr;
  due_ = Due{stream, intended, intended <= lane.held_until};
  return &due_;
}

void Pacer::Sent() {
  MSGPROC_CHECK(!queue_.empty());
  const int stream = queue_.front();
  // One stream alone is the common case, and needs no heap.
  if (queue_.size() == 1) {
    lanes_[stream].schedule.Advance();
    return;
  }
  Pop();
  lanes_[stream].schedule.Advance();
  Push(stream);
}

void Pacer::Hold() {
  MSGPROC_CHECK(!queue_.empty());
  const int stream = queue_.front();
  Pop();
  held_.push_back(stream);
}

void Pacer::Release(int stream, int64_t now) {
  const auto found = std::find(held_.begin(), held_.end(), stream);
  if (found == held_.end()) return;
  *found = held_.back();
  held_.pop_back();
  lanes_[stream].held_until = now;
  Push(stream);
}

void Pacer::Finish() { Pop(); }

std::vector<Backlog> Pacer::Backlogs(
    int64_t end, const std::function<uint64_t(int stream)>& left) const {
  std::vector<Backlog> backlogs;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const Schedule& schedule = lanes_[i].schedule;
    const uint64_t count = schedule.CountBefore(end, left(static_cast<int>(i)));
    if (count != 0) backlogs.push_back({schedule, count});
  }
  return backlogs;
}

int64_t Pacer::NextTime() const {
  return queue_.empty() ? std::numeric_limits<int64_t>::max()
                        : lanes_[queue_.front()].schedule.next();
}

void Pacer::Pop() {
  MSGPROC_CHECK(!queue_.empty());
  std::pop_heap(queue_.begin(), queue_.end(), Later{lanes_});
  queue_.pop_back();
}

void Pacer::Push(int stream) {
  // A stream waits in one place: it is due once, held, or finished.
  MSGPROC_CHECK_LT(queue_.size() + held_.size(), lanes_.size());
  queue_.push_back(stream);
  std::push_heap(queue_.begin(), queue_.end(), Later{lanes_});
}

}  // namespace msgproc::loadgen
