#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_PACING_THREAD_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_PACING_THREAD_H_

#include <cstdint>
#include <vector>

#include "tools/loadgen/plan/plan.h"
#include "tools/loadgen/report/report.h"
#include "tools/loadgen/schedule/backlog.h"
#include "tools/loadgen/schedule/nano_clock.h"
#include "tools/loadgen/schedule/pacer.h"
#include "tools/loadgen/schedule/phase_gate.h"
#include "tools/loadgen/stream/load_streams.h"

namespace msgproc::loadgen {

// What became of a phase's schedule.
struct PacedRecord {
  GeneratorRecord generator;
  std::vector<Backlog> backlogs;  // What generator.unsent counts.
};

// Sends the open loop of one phase, beginning at `start`, until the gate closes
// or every stream has sent its share: to be run on a thread of its own. Sleeps
// until just before the next message is due and spins the rest of the way; at
// high rates it sends what has come due every 50 us. What was due when the gate
// closes is still sent if there is room for it at once, or within 100 ms in a
// window that was full; the rest is a backlog.
//
// What it wrote is there when it returns.
PacedRecord RunOpenLoop(const Plan& plan, const NanoClock& clock, int64_t start,
                        PhaseGate* gate, const LoadStreams& streams);

// How long before a message is due to stop sleeping: as late as a sleep mostly
// wakes, also in a virtual machine, but never more than a tenth of the time
// between messages, in nanoseconds.
int64_t SpinTime(double rate);

// Asks the system to wake this thread on time, before all others: with
// CAP_SYS_NICE as the least of the real-time threads.
void BePunctual();

// Sleeps, roughly until `until` on the clock.
void SleepUntil(const NanoClock& clock, int64_t until);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_PACING_THREAD_H_
