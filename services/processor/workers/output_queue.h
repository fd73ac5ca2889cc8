#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_OUTPUT_QUEUE_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_OUTPUT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "services/processor/workers/worker_codec.h"

namespace msgproc::processor {

// Frames on their way into a descriptor, written as far as it takes them, many
// with one system call. Not thread-safe.
class OutputQueue {
 public:
  bool empty() const { return frames_.empty(); }
  void Push(OutFrame frame) {
    unwritten_messages_ += frame.messages;
    frames_.push_back(std::move(frame));
  }
  // Takes over all of `other`'s, behind its own.
  void Append(OutputQueue* other);

  // kBlocked: the rest when the descriptor is writable again. kBroken: nobody
  // reads any more; what was left is dropped.
  enum class Written { kAll, kBlocked, kBroken };
  Written WriteTo(int fd);

  // Messages of frames of which nothing has been written, those dropped too.
  uint64_t unwritten_messages() const { return unwritten_messages_; }

 private:
  void Consume(size_t bytes);

  std::deque<OutFrame> frames_;
  // Of the first frame: the part that is next (0: head), and where in it.
  size_t part_ = 0;
  size_t offset_ = 0;
  uint64_t unwritten_messages_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_OUTPUT_QUEUE_H_
