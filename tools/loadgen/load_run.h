#ifndef MSGPROC_TOOLS_LOADGEN_LOAD_RUN_H_
#define MSGPROC_TOOLS_LOADGEN_LOAD_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "client/message_stream.h"
#include "common/mutex.h"
#include "tools/loadgen/plan/plan.h"
#include "tools/loadgen/report/report.h"
#include "tools/loadgen/report/run_files.h"
#include "tools/loadgen/schedule/nano_clock.h"
#include "tools/loadgen/schedule/phase_gate.h"
#include "tools/loadgen/stats/latency_recorder.h"
#include "tools/loadgen/stream/input_feed.h"
#include "tools/loadgen/stream/line_reader.h"
#include "tools/loadgen/stream/load_streams.h"
#include "tools/loadgen/stream/ordered_output.h"
#include "tools/loadgen/stream/pacing_thread.h"

namespace msgproc::loadgen {

// A whole run: connects the streams, warms up, measures, closes, and reports.
// Used by one thread, except Stop. Threads of its own: one that paces or feeds,
// if there is --rate or --input, and one that writes, if there is --output.
class LoadRun {
 public:
  // `stream_options` say where to connect and with which credentials; the rest
  // of them is set here. `files` are those of the plan. All of it outlives the
  // run.
  LoadRun(const Plan& plan, client::MessageStreamOptions stream_options,
          const RunFiles& files);
  ~LoadRun();

  // Opens every stream and waits, at most --connect_timeout, until a server has
  // answered each. INVALID_ARGUMENT: the address is malformed. CANCELLED: Stop
  // was called. Once.
  absl::Status Connect();

  // Whether there are streams; Connect says otherwise why not.
  bool opened() const { return !streams_.empty(); }
  // How many streams of each connection have a server.
  std::vector<int> ConnectedStreams() const {
    return loadgen::ConnectedStreams(plan_.asked, streams_);
  }

  // Carries the plan out. Once, after Connect.
  Report Execute();

  // Sends no more, also in phases to come: Execute collects what is in flight
  // and reports what was done. From any thread.
  void Stop();

 private:
  // A phase that was carried out; its books are still with the streams. Kept as
  // long as these are, who may look at the gate at any time.
  struct Outcome {
    Outcome(int streams, int64_t start, int64_t send_until)
        : start(start), recorder(start), gate(streams, send_until) {}

    const int64_t start;
    LatencyRecorder recorder;
    PhaseGate gate;
    bool finished = false;  // Nothing is outstanding.
    std::optional<GeneratorRecord> generator;
    std::vector<Backlog> backlogs;
  };

  Outcome* RunPhase(absl::string_view name, const Phase& phase);
  void StartSending(const Phase& phase, Outcome* outcome);
  bool Watch(absl::string_view name, const Phase& phase, Outcome* outcome);
  void Measure(Report* report);
  void CountTheWaiting(const Outcome& outcome, int64_t given_up,
                       Report* report);
  bool Stopped();
  void SetGate(PhaseGate* gate);

  const Plan& plan_;
  const client::MessageStreamOptions stream_options_;
  const RunFiles& files_;
  const NanoClock clock_;
  const Payloads payloads_;
  std::unique_ptr<OrderedOutput> output_;
  std::unique_ptr<ResultLog> result_log_;  // In its place, with an outbox.
  std::unique_ptr<LineReader> input_;
  std::vector<std::unique_ptr<Outcome>> outcomes_;
  LoadStreams streams_;
  std::thread sender_;
  absl::Status input_status_;  // The sender's until it is joined.
  bool input_ended_ = false;   // So is this.
  std::vector<std::string> problems_;

  Mutex mutex_;
  bool stopped_ MSGPROC_GUARDED_BY(mutex_) = false;
  PhaseGate* gate_ MSGPROC_GUARDED_BY(mutex_) = nullptr;  // Of the phase.
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_LOAD_RUN_H_
