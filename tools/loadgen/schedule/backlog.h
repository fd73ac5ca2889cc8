#ifndef MSGPROC_TOOLS_LOADGEN_SCHEDULE_BACKLOG_H_
#define MSGPROC_TOOLS_LOADGEN_SCHEDULE_BACKLOG_H_

#include <cstdint>

#include "tools/loadgen/schedule/schedule.h"
#include "tools/loadgen/stats/histogram.h"

namespace msgproc::loadgen {

// What an open loop still owes when its time is over: messages of one stream
// that were due and not sent, because the server left no room for them. To
// forget them would leave out just those that waited longest. A value.
struct Backlog {
  Schedule oldest;  // Stands at the time when the oldest was due.
  uint64_t messages = 0;

  // Counts each as having waited from when it was due until `end`.
  void RecordWaiting(int64_t end, Histogram* latency) const;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_SCHEDULE_BACKLOG_H_
