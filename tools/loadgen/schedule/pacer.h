#ifndef MSGPROC_TOOLS_LOADGEN_SCHEDULE_PACER_H_
#define MSGPROC_TOOLS_LOADGEN_SCHEDULE_PACER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "tools/loadgen/schedule/backlog.h"
#include "tools/loadgen/schedule/schedule.h"

namespace msgproc::loadgen {

// The open loop: says which stream is to send now and when it was meant to.
// The streams' schedules together make the whole rate; a schedule never waits
// for a server. A stream whose window is full is held: its schedule stands
// still in memory, not in time, so once it is released its messages come out
// at once with the times at which they were meant to leave, and their latency
// counts from there (no coordinated omission: Gil Tene, "How NOT to measure
// latency").
//
// Reads no clock: times (nanoseconds, any zero) are passed in. Not
// thread-safe; the pacing thread owns it. Memory: a few words a stream.
class Pacer {
 public:
  struct Due {
    int stream;
    int64_t intended;
    // The window was full when this was due: sending it late is not the
    // generator's fault.
    bool held;
  };

  // `rate` is in messages a second over all `streams`; both > 0.
  Pacer(int streams, double rate, Arrivals arrivals, int64_t start,
        uint64_t seed);

  // The earliest message due at or before `now`, or null. It stays the earliest
  // until Sent, Hold or Finish is called for it.
  const Due* Earliest(int64_t now);

  // The earliest was sent; its stream's next takes its place.
  void Sent();

  // The earliest could not be sent: its stream is out until Release, which
  // comes at time `now`: what it missed until then comes out as held.
  void Hold();
  void Release(int stream, int64_t now);

  // The earliest's stream sends no more.
  void Finish();

  // What was due before `end` and was not sent, for each stream that owes
  // something. `left`: how many messages a stream had yet to send at most.
  std::vector<Backlog> Backlogs(
      int64_t end, const std::function<uint64_t(int stream)>& left) const;

  // When the next message is due; the far future while every stream is held.
  int64_t NextTime() const;

  // Streams that are held, and streams that are not finished.
  const std::vector<int>& held() const { return held_; }
  bool finished() const { return queue_.empty() && held_.empty(); }

 private:
  struct Lane {
    Schedule schedule;
    int64_t held_until;
  };
  struct Later;

  void Pop();
  void Push(int stream);

  std::vector<Lane> lanes_;
  std::vector<int> queue_;  // A heap: the earliest in front.
  std::vector<int> held_;
  Due due_{};
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_SCHEDULE_PACER_H_
