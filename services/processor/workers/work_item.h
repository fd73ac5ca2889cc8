#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORK_ITEM_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORK_ITEM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace msgproc::processor {

// A worker process from its start to its end; never used again. 0: none.
using WorkerId = uint64_t;

struct WorkerBatch;

// A batch on its way through workers, as the Dispatcher sees it. It is answered
// from the front, and is in one place at a time: waiting, or with one worker.
struct WorkItem {
  // What it is a part of: the owner's, and not looked at by the Dispatcher.
  WorkerBatch* batch = nullptr;
  // Whose messages they are.
  uint64_t session = 0;
  uint64_t messages = 0;
  size_t bytes = 0;
  // What one message is expected to take; 0: nobody knows.
  int64_t message_nanoseconds = 0;
  // To go to `worker` while that one takes work.
  bool ordered = false;
  // The last worker it was given to; at first, where the batch before went.
  WorkerId worker = 0;
  // Tries of its messages that no worker has died of, as far as is known: by
  // processors that had them before this one.
  int earlier_tries = 0;

  // The dispatcher's books.
  uint64_t answered = 0;
  // Workers that died over the next message, and over each one behind it. At
  // first: those of processors before this one.
  int attempts = 0;
  int attempts_behind = 0;
  uint64_t ticket = 0;
  // Counted among its session's suspects.
  bool suspect = false;

  uint64_t remaining() const { return messages - answered; }
};

// What is written to a worker at once.
struct Assignment {
  // Messages of one item, from its front.
  struct Part {
    WorkItem* item = nullptr;
    uint64_t messages = 0;
    // Each message in a frame of its own, to be answered before the next.
    bool one_at_a_time = false;
    // Which try this is of the first of them, and of those behind: counts the
    // workers that have died and may have begun with it, and earlier tries.
    // Alike where they travel together.
    int attempt = 1;
    int attempt_behind = 1;
  };

  WorkerId worker = 0;
  std::vector<Part> parts;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORK_ITEM_H_
