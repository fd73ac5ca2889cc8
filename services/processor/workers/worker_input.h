#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_INPUT_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace msgproc::processor {

// What a processor writes to a worker: frames of worker.proto. They are read in
// order, and ahead of that to learn which batches nobody waits for. Not
// thread-safe.
class WorkerInput {
 public:
  explicit WorkerInput(int socket) : socket_(socket) {}

  // Waits for more; false: the processor has closed it.
  bool Fill();
  // The next frame, if all of it is there. Valid until the next call of Next.
  bool Next(absl::string_view* frame);

  // Reads what there is, without waiting; nothing when it just did.
  void LookAhead();
  // Takes the names of cancelled batches from a frame. Whatever else may be
  // wrong with it is for others to find.
  void TakeCancelled(absl::string_view frame);
  bool cancelled(uint64_t batch_id) const {
    return cancelled_.count(batch_id) > 0;
  }
  // The batch, and those before it, are answered.
  void Forget(uint64_t batch_id);

 private:
  const int socket_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  // The frame at hand, and how far the buffer is filled.
  size_t begin_ = 0;
  size_t frame_end_ = 0;
  size_t end_ = 0;
  // What follows end_ and was read ahead: whole frames up to `looked_at_` were
  // looked at.
  std::string ahead_;
  size_t looked_at_ = 0;
  absl::Time next_look_ = absl::InfinitePast();
  uint64_t answered_through_ = 0;
  std::set<uint64_t> cancelled_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_INPUT_H_
