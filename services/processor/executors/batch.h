#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_BATCH_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_BATCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/base/traces/span.h"
#include "services/processor/executors/handler_counters.h"
#include "services/processor/executors/traced_message.h"
#include "services/processor/handlers/handler.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/handlers/session_context.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::processor {

class CommitSource;
class Executor;

// A handler with the executor that runs it and what all of its sessions share.
// Constant once the server has started, but for the atomics.
struct HandlerBinding {
  std::string name;
  // Null when only other processes have it.
  Handler* handler = nullptr;
  HandlerTraits traits;
  Executor* executor = nullptr;
  // A result over it becomes OUT_OF_RANGE.
  size_t max_payload_bytes = 0;
  // Takes the spans of its sessions' messages. Null: there are none.
  base::SpanSink* spans = nullptr;
  // Moving average of what one message takes; 0: not known yet.
  std::atomic<int64_t> message_nanoseconds{0};
  HandlerCounters counters;
};

struct Batch;

// What a store says of a session whose claim was made anew.
struct Reclaimed {
  // False: it is another process's, and nobody wants its batches any more.
  bool ours = false;
  // From here on whoever commits with an earlier one is refused.
  uint64_t epoch = 0;
  // Everything up to here was committed before; results that the client may not
  // have received, up to there, at the positions of their sequences.
  uint64_t committed_through = 0;
  wire::EntryLog results;
};
using OnReclaimed = std::function<void(Reclaimed)>;

// What stands around the handling of each message: a transaction.
class MessageScope {
 public:
  virtual ~MessageScope() = default;
  // What handlers are given.
  virtual Transaction* transaction() = 0;
  virtual void Begin() = 0;
  // The message was handled; `status` says how, and may be made worse. False:
  // the batch is to be given up.
  virtual bool End(absl::Status* status) = 0;
  // All messages were. False, likewise.
  virtual bool EndBatch() { return true; }
};

// Takes back the batches it gave to an executor: a session.
class BatchOwner {
 public:
  virtual ~BatchOwner() = default;
  // On any thread, also inside Executor::Execute; at most once a batch, and
  // never for one that Execute returned.
  virtual void OnBatchDone(std::unique_ptr<Batch> batch) = 0;
  // Whether somebody still waits for its results; on any thread. If not, the
  // batch may be dropped in place of OnBatchDone.
  virtual bool Wants(const Batch& /*batch*/) const { return true; }
  // Itself, if it is kept in a store.
  virtual std::shared_ptr<CommitSource> commits() { return nullptr; }
  // A worker has died over messages of which the first is at that position:
  // which try that was, and how often workers have now died over it.
  virtual void OnWorkerDied(uint64_t /*position*/, int /*attempt*/,
                            int /*deaths*/) {}
  // Of a session whose worker commits by itself, and has died over a batch:
  // draws a new epoch, so that nothing of it is committed late, and says what
  // was. `done` is called once, on any thread, and never if the server stops.
  virtual void Reclaim(const OnReclaimed& /*done*/) {}
};

// Messages of one session at contiguous positions, on their way through an
// executor and back. Belongs to whoever holds it.
struct Batch {
  // Null: it comes back from Execute.
  std::shared_ptr<BatchOwner> owner;
  // Who waits for one that comes back from Execute, and outlives that.
  const BatchOwner* waiting = nullptr;
  HandlerBinding* binding = nullptr;

  // Who has sent the messages; null: nothing is known of them.
  std::shared_ptr<const SessionContext> context;
  // With "/" and a sequence, names a message for ever; empty: nothing does. A
  // view of what lives as long as the context.
  absl::string_view idempotency_scope;
  // Of a session that is kept in a store: its fencing token; 0: it is not.
  uint64_t store_epoch = 0;
  // Which try of these messages this is, at most: processes of their store may
  // have begun them before.
  int attempt = 1;
  // Workers that have died over them before this process had them.
  int deaths = 0;
  // How long the handler may take for one.
  absl::Duration handler_timeout = absl::InfiniteDuration();

  // Which session, of those with this binding, for executors that keep one
  // session's messages together.
  uint64_t session_number = 0;
  // Where the session's batch before ran, in the executor's own terms; 0 at
  // first. The session keeps it from batch to batch.
  uint64_t affinity = 0;
  // Which life of the session (it starts anew when its state was lost).
  uint64_t epoch = 0;
  uint64_t first_position = 0;
  uint64_t size = 0;

  // The messages, in one of two forms. Views are valid until the batch is done;
  // only an executor that runs batches at once is given views without pieces.
  absl::Span<const wire::MessageView> messages;
  // Encoded entries, which keep themselves alive.
  std::vector<wire::Piece> pieces;

  // Those of the messages whose traces are recorded; mostly none.
  TracedMessages traced;

  // Of the first message, for who answers in its stead without the messages.
  uint64_t first_sequence = 0;

  // One result for each message, in order; its positions do not matter.
  wire::EntryLog results;
  // What some of them do to the store, in order; the batch's session is in one.
  std::vector<SharedEffects> effects;
  uint64_t failed = 0;
  // Of the results' payloads.
  size_t payload_bytes = 0;
  // What the handler took for all of them together.
  absl::Duration handler_time;
  // The results are in the session's store already.
  bool committed = false;
  // So many of them, the first ones, were committed by a worker, as it says.
  uint64_t committed_by_worker = 0;
  // Encoded messages behind the last that has a result, and that were not
  // handled: `size` does not count them any more.
  std::vector<wire::Piece> given_back;

  bool Wanted() const {
    const BatchOwner* const waits = owner == nullptr ? waiting : owner.get();
    return waits == nullptr || waits->Wants(*this);
  }
  // Makes `messages` from `pieces`, when there are any.
  void ParsePieces();
  // Forgets the messages, keeps the memory.
  void Clear();
  // Forgets the results, so that it can be run again.
  void ClearResults();
  // Hands the finished batch to its owner.
  static void Done(std::unique_ptr<Batch> batch);

 private:
  friend bool RunHandler(Batch* batch, const std::atomic<bool>* stop,
                         MessageScope* scope);

  std::vector<wire::MessageView> parsed_;
  Reply reply_;
};

// Takes into the binding's moving average what so many messages took, at least
// one.
void NoteHandlerTime(HandlerBinding* binding, absl::Duration time,
                     uint64_t messages);

// INVALID_ARGUMENT: the handler takes no message as large as that.
absl::Status TooLarge(const HandlerBinding& binding, const Message& message);

// OK, or TooLarge. Inline, as each message pays for it.
inline absl::Status CheckMessage(const HandlerBinding& binding,
                                 const Message& message) {
  return message.payload.size() <= binding.traits.max_payload_bytes
             ? absl::OkStatus()
             : TooLarge(binding, message);
}

// Appends an Error that says so. Long texts are cut.
void AppendFailure(wire::EntryLog* results, uint64_t sequence,
                   const absl::Status& status);

// Appends the next result of the batch: the reply, or why there is none. Counts
// it.
void AppendOutcome(Batch* batch, uint64_t sequence, absl::Status status,
                   const Reply& reply);

// Calls the handler for every message of the batch, in order, and fills
// `results`, `failed` and `handler_time`. Exceptions become results. False:
// `stop` became true before all were handled, or nobody wants the results any
// more, and the batch is of no more use. Neither is looked at without a `stop`.
// False also when `scope` has given it up; it may be run again then.
bool RunHandler(Batch* batch, const std::atomic<bool>* stop = nullptr,
                MessageScope* scope = nullptr);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_BATCH_H_
