#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ROLE_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ROLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/processor/executors/batch.h"
#include "services/processor/handlers/async_handler.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/workers/worker_input.h"
#include "services/processor/workers/worker_traces.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::processor {

// The other end of worker.proto: reads batches, runs handlers, writes results.
// One thread, no gRPC. Whether somebody still waits it learns from what it
// reads ahead: after messages that took longer than a millisecond, and when
// their handler asks. Handlers that answer later are given all messages of a
// batch, and waited for. Results leave when there is nothing more to read, when
// a millisecond or 64 KiB have gathered, and after every message that may have
// killed a worker.
class WorkerRole {
 public:
  // Reads and writes `socket`. `handlers` outlives it.
  WorkerRole(int socket, const HandlerRegistry* handlers)
      : socket_(socket), handlers_(handlers), input_(socket) {
    batch_.waiting = &waiting_;
  }

  // Returns when the processor closes the socket: OK; otherwise what was wrong
  // with what it said.
  absl::Status Run();

 private:
  // What goes out: a head, then pieces of results.
  struct Answer {
    std::string head;
    std::vector<wire::Piece> pieces;
  };

  // Who waits for the batch at hand.
  class Waiting final : public BatchOwner {
   public:
    explicit Waiting(WorkerRole* role) : role_(role) {}
    void OnBatchDone(std::unique_ptr<Batch> /*batch*/) override {}
    bool Wants(const Batch& /*batch*/) const override {
      role_->input_.LookAhead();
      return !role_->cancelled();
    }

   private:
    WorkerRole* const role_;
  };

  bool cancelled() const { return input_.cancelled(batch_id_); }
  absl::Status ReadContext(absl::string_view encoded);
  absl::Status ReadFrame(absl::string_view frame);
  absl::Status Greet(absl::string_view encoded);
  void Work(bool one_at_a_time);
  void RunChunk(size_t first, size_t messages);
  void RefuseChunk(size_t first, size_t messages, const absl::Status& why);
  void RunAsync(AsyncHandler* handler);
  HandlerBinding* FindBinding(absl::string_view handler);
  void Gather();
  void FinishAnswer(Answer answer, wire::EntryLog::Taken taken,
                    absl::Duration handler_time);
  bool Flush();

  const int socket_;
  const HandlerRegistry* const handlers_;
  WorkerInput input_;
  std::map<std::string, std::unique_ptr<HandlerBinding>> bindings_;
  uint64_t max_payload_bytes_ = 0;
  bool greeted_ = false;

  // The batch at hand.
  uint64_t batch_id_ = 0;
  HandlerBinding* binding_ = nullptr;
  std::string unknown_handler_;
  std::vector<wire::MessageView> messages_;
  WorkerTraces traces_;
  Waiting waiting_{this};
  Batch batch_;
  // The last context that came, as it came, and what it says of messages.
  std::string context_bytes_;
  std::string idempotency_scope_;
  wire::EntryLog::Cursor cursor_;
  absl::Duration handler_time_;

  std::vector<Answer> answers_;
  size_t gathered_bytes_ = 0;
  // When the oldest result in answers_ or in the batch was made.
  absl::Time oldest_ = absl::InfiniteFuture();
};

// The life of a worker process: dies with its parent, leaves only when its
// socket closes, and runs a WorkerRole on kWorkerSocket. Returns main's exit
// code.
int RunWorkerRole(const HandlerRegistry& handlers);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ROLE_H_
