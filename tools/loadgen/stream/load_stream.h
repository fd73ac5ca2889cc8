#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_LOAD_STREAM_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_LOAD_STREAM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/message_stream.h"
#include "tools/loadgen/plan/plan.h"
#include "tools/loadgen/schedule/nano_clock.h"
#include "tools/loadgen/schedule/phase_gate.h"
#include "tools/loadgen/schedule/send_turn.h"
#include "tools/loadgen/stats/latency_recorder.h"
#include "tools/loadgen/stats/tally.h"
#include "tools/loadgen/stream/checker.h"
#include "tools/loadgen/stream/ordered_output.h"
#include "tools/loadgen/stream/payload.h"
#include "tools/loadgen/stream/result_log.h"
#include "tools/loadgen/stream/stream_journal.h"

namespace msgproc::loadgen {

// What the streams of a run share; all of it outlives them.
struct RunContext {
  const Plan* plan;
  const Payloads* payloads;
  const NanoClock* clock;
  OrderedOutput* output = nullptr;  // Null: results are not written so.
  ResultLog* result_log = nullptr;  // Null: nor so.
};

// One MessageStream under load: sends its share, keeps at most max_outstanding
// messages outstanding, times and checks every result.
//
// Three ways to send; a phase uses one of them:
//   closed loop  StartClosedLoop fills the window; then results that come
//                together send as many messages from within their callback. No
//                thread of our own.
//   paced        one pacing thread calls SendPaced for all streams
//   fed          one feeding thread calls SendLine for all streams
//
// OnResults and OnEvent are the MessageStream's callbacks and come one at a
// time. The rest is called by the run and its one sending thread. Between
// phases, when the stream has finished, nothing runs.
class LoadStream {
 public:
  enum class Sent {
    kYes,
    kFull,  // The window has no room now.
    kDone,  // This stream sends no more in this phase.
  };

  LoadStream(const RunContext& context, int index);
  // Callbacks use every member: the MessageStream goes first.
  ~LoadStream() { Destroy(); }

  // Before anything else. `stream` calls OnResults and OnEvent; with an outbox,
  // behind AwaitAttached: it has messages of earlier runs then.
  void Attach(std::unique_ptr<client::MessageStream> stream);
  void AwaitAttached() const { attached_.wait(false); }
  client::MessageStream* stream() { return stream_.get(); }

  void OnResults(absl::Span<const client::Result> results);
  void OnEvent(const client::StreamEvent& event);

  // A phase begins: at most `quota` messages are sent before the gate closes.
  // `gate` and `recorder` outlive the phase. A stream that is not started
  // (closed loop) or stopped (otherwise) does not finish.
  void BeginPhase(uint64_t quota, bool closed_loop, PhaseGate* gate,
                  LatencyRecorder* recorder);

  void StartClosedLoop();

  // `intended`: when the message should have left, from which its latency
  // counts.
  Sent SendPaced(int64_t intended);
  // Waits for room as long as the gate lets it.
  Sent SendLine(absl::string_view line, int64_t intended);
  // Whether Send… would not answer kFull.
  bool Ready() const {
    return outstanding() < window_ || stopping_.load(std::memory_order_relaxed);
  }

  // Messages that earlier runs have sent.
  uint64_t sent_earlier() const { return sent_earlier_; }

  // How many more may be sent in this phase, whatever the gate says.
  uint64_t left() const {
    return last_sequence_ - sent_.load(std::memory_order_relaxed);
  }

  // The sending thread sends no more on this stream.
  void StopSending();
  // Tells the gate if all is done; for those who look after the stream, in case
  // its last callback came before StopSending.
  void CheckFinished();

  // When the last result came; the phase's beginning if none did.
  int64_t last_result_at() const {
    return last_result_at_.load(std::memory_order_relaxed);
  }
  uint64_t outstanding() const {
    // In this order, so that it never falls below 0.
    const uint64_t answered = answered_.load(std::memory_order_acquire);
    return sent_.load(std::memory_order_acquire) - answered;
  }

  // The books of the phase. Once the stream has finished or is gone.
  Tally TakeTally();
  StreamJournal::Entries TakeEntries();
  // Counts what was sent and has no result as having waited until `end`.
  void RecordWaiting(int64_t end, Histogram* latency) const;
  absl::Status failure() const { return journal_.failure(); }
  // Cancels what is open; then no callback runs any more.
  void Destroy() { stream_.reset(); }

 private:
  Sent Send(absl::string_view payload, int64_t intended,
            absl::Duration timeout);
  uint64_t SendBatch(uint64_t count, int64_t now);
  void SendNext(int64_t now, uint64_t results);
  void TakeIn(const client::Result& result, int64_t now);
  bool MayGoOn(int64_t now);
  bool WaitForRoom();
  std::optional<int64_t> OldestOutstanding() const;

  const RunContext context_;
  const int index_;
  const uint64_t window_;
  const uint64_t slot_mask_;
  std::unique_ptr<client::MessageStream> stream_;
  std::atomic<bool> attached_{false};
  uint64_t sent_earlier_ = 0;  // By earlier runs,
  uint64_t owed_earlier_ = 0;  // whose results are still to come.
  StreamJournal journal_;

  // Of the phase.
  std::atomic<PhaseGate*> gate_{nullptr};
  LatencyRecorder* recorder_ = nullptr;
  std::atomic<bool> closed_loop_{false};
  uint64_t last_sequence_ = 0;  // The last that may be sent.
  uint64_t sent_before_ = 0;    // Before the phase.

  // Belong to whoever's turn it is to send.
  SendTurn turn_;
  std::vector<std::string> payloads_;  // As many as are sent at once.
  uint64_t owed_ = 0;

  // Written by the sender, read by callbacks: a message's slot before `sent_`
  // covers it, which comes before it is sent.
  std::vector<int64_t> sent_at_;  // By sequence, modulo a power of two.
  std::atomic<uint64_t> sent_{0};

  // Written by callbacks: a slot is read before `answered_` covers it.
  Checker checker_;
  LatencyBuffer latencies_;
  std::atomic<uint64_t> answered_{0};
  std::atomic<int64_t> last_result_at_{0};

  std::atomic<bool> stopping_{false};  // Sends no more in this phase.
  std::atomic<bool> ended_{false};     // The MessageStream has ended.
  std::atomic<bool> finished_{false};  // The gate was told.

  // A sender waits until so many are answered; UINT64_MAX: nobody waits.
  std::atomic<uint64_t> wake_at_{UINT64_MAX};
  Mutex room_mutex_;
  CondVar room_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_LOAD_STREAM_H_
