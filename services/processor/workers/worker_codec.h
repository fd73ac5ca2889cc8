#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_CODEC_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/processor/workers/response_tracker.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_batch.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// Bytes to be written to a worker: `head`, then the pieces.
struct OutFrame {
  std::string head;
  std::vector<wire::Piece> pieces;
  // How many messages the worker may begin with once it has some of it.
  uint64_t messages = 0;
};

// How one worker is spoken with: in frames, or in lines. Encode and Decode may
// run at the same time, on two threads; neither with itself.
class WorkerCodec {
 public:
  virtual ~WorkerCodec() = default;

  // What the worker is sent first; empty: nothing.
  virtual std::string Greeting() const = 0;
  // Whether the worker says when it is ready. If not, it is once it runs.
  virtual bool says_ready() const = 0;

  // Encodes messages of a worker batch, and what is to come back for them.
  virtual void Encode(const Assignment::Part& part,
                      std::vector<OutFrame>* frames,
                      std::vector<ResponseTracker::Expected>* expected) = 0;
  // Encodes that nobody waits any more for what was encoded of the batch last.
  virtual void EncodeCancelled(const WorkerBatch& /*work*/,
                               std::vector<OutFrame>* /*frames*/) {}

  // Reads what the worker has said, as far as it is complete, into the tracker.
  // Returns how many bytes were read; the rest is to come again with what
  // follows it. INVALID_ARGUMENT: the worker broke the protocol.
  virtual absl::StatusOr<size_t> Decode(absl::string_view bytes, absl::Time now,
                                        ResponseTracker* responses) = 0;
  // Whether the worker has said that it is ready.
  virtual bool ready() const = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_CODEC_H_
