#include "tools/loadgen/stream/pacing_thread.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <vector>

#include "common/check.h"

namespace msgproc::loadgen {
namespace {

constexpr int64_t kMicrosecond = 1'000;
constexpr int64_t kShortestSleep = 50 * kMicrosecond;
constexpr int64_t kHeldSleep = 100 * kMicrosecond;
constexpr int64_t kLongestSleep = 20'000 * kMicrosecond;

// Everything that is due.
void SendDue(const NanoClock& clock, const LoadStreams& streams, Pacer* pacer,
             GeneratorRecord* record) {
  while (const Pacer::Due* due = pacer->Earliest(clock.Now())) {
    const Pacer::Due message = *due;
    MSGPROC_CHECK_LT(static_cast<size_t>(message.stream), streams.size());
    LoadStream* const stream =
        streams[static_cast<size_t>(message.stream)].get();
    switch (stream->SendPaced(message.intended)) {
      case LoadStream::Sent::kYes:
        if (message.held) {
          ++record->held;
        } else {
          record->lateness.Record(clock.Now() - message.intended);
        }
        // The share is sent: nothing is to be waited for.
        if (stream->left() == 0) {
          pacer->Finish();
        } else {
          pacer->Sent();
        }
        break;
      case LoadStream::Sent::kFull:
        pacer->Hold();
        break;
      case LoadStream::Sent::kDone:
        pacer->Finish();
        break;
    }
  }
}

void ReleaseHeld(const NanoClock& clock, const LoadStreams& streams,
                 Pacer* pacer) {
  const std::vector<int> held = pacer->held();
  for (const int stream : held) {
    if (streams[static_cast<size_t>(stream)]->Ready()) {
      pacer->Release(stream, clock.Now());
    }
  }
}

// What came due before the gate closed and still finds room.
void SendTheLast(const NanoClock& clock, int64_t end,
                 const LoadStreams& streams, Pacer* pacer,
                 GeneratorRecord* record) {
  constexpr int64_t kPatience = 100'000 * kMicrosecond;
  SendDue(clock, streams, pacer, record);
  while (!pacer->held().empty() && clock.Now() < end + kPatience) {
    SleepUntil(clock, clock.Now() + kHeldSleep);
    ReleaseHeld(clock, streams, pacer);
    SendDue(clock, streams, pacer, record);
  }
}

void WaitForNext(const NanoClock& clock, int64_t spin, const Pacer& pacer) {
  const int64_t now = clock.Now();
  const int64_t next = std::min(pacer.NextTime(), now + kLongestSleep);
  // Room for a held stream is looked for and not spun for: its server may want
  // this core.
  if (!pacer.held().empty() && now + kHeldSleep < next - spin) {
    SleepUntil(clock, now + kHeldSleep);
    return;
  }
  if (next - now > spin) {
    SleepUntil(clock, std::max(next - spin, now + kShortestSleep));
  }
  while (clock.Now() < next) {
  }
}

}  // namespace

int64_t SpinTime(double rate) {
  MSGPROC_CHECK_GT(rate, 0.0);
  constexpr double kMost = 100.0 * kMicrosecond;
  return static_cast<int64_t>(std::min(kMost, 1e9 / rate / 10));
}

void SleepUntil(const NanoClock& clock, int64_t until) {
  const int64_t left = until - clock.Now();
  if (left <= 0) return;
  const timespec pause{left / 1'000'000'000, left % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
}

void BePunctual() {
  // The kernel may otherwise wake this thread 50 us late, to save power.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  // This thread alone, and only where we may: then a busy machine delays what
  // is measured rather than the measuring. Nice values alone would not do: they
  // count among the threads of one session or control group only. Locks that it
  // shares with gRPC's threads put it to sleep, which lets these go on. Threads
  // that it starts are ordinary ones.
  constexpr sched_param kLeastOfRealTime = {.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK,
                         &kLeastOfRealTime) == 0) {
    return;
  }
  constexpr int kMostUrgent = -20;
  setpriority(PRIO_PROCESS, 0, kMostUrgent);
}

PacedRecord RunOpenLoop(const Plan& plan, const NanoClock& clock, int64_t start,
                        PhaseGate* gate, const LoadStreams& streams) {
  MSGPROC_CHECK_EQ(streams.size(), static_cast<size_t>(plan.streams));
  BePunctual();
  PacedRecord record;
  record.generator.limit = plan.LatenessLimit();
  const int64_t spin = SpinTime(plan.asked.rate);
  Pacer pacer(plan.streams, plan.asked.rate, plan.arrivals, start,
              plan.asked.seed);
  while (!pacer.finished() && gate->MaySend(clock.Now())) {
    ReleaseHeld(clock, streams, &pacer);
    SendDue(clock, streams, &pacer, &record.generator);
    WaitForNext(clock, spin, pacer);
  }
  const int64_t end = std::min(clock.Now(), gate->send_until());
  SendTheLast(clock, end, streams, &pacer, &record.generator);
  record.backlogs = pacer.Backlogs(end, [&streams](int stream) {
    return streams[static_cast<size_t>(stream)]->left();
  });
  for (const Backlog& backlog : record.backlogs) {
    record.generator.unsent += backlog.messages;
  }
  for (const auto& stream : streams) stream->StopSending();
  return record;
}

}  // namespace msgproc::loadgen
