#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_RESPONSE_TRACKER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_RESPONSE_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/check.h"
#include "services/processor/workers/effects_reader.h"
#include "services/processor/workers/worker_batch.h"
#include "wire/frame.h"

namespace msgproc::processor {

// What one worker owes, in the order in which it was given, and the gate that
// its answers pass: a result gets into a batch only in its place and with its
// sequence, and only in a form that every client can read. Not thread-safe.
class ResponseTracker {
 public:
  // The next messages of a worker batch, as they were written under one id.
  struct Expected {
    WorkerBatch* work = nullptr;
    uint64_t batch_id = 0;
    uint64_t messages = 0;
  };

  void Expect(const Expected& expected, absl::Time now);
  bool Empty() const { return expected_.empty(); }
  // The oldest; there must be one.
  const Expected& Oldest() const {
    MSGPROC_CHECK(!expected_.empty());
    return expected_.front();
  }
  // When something was owed or answered last.
  absl::Time since() const { return since_; }

  // Takes the results in `frame`, an encoded ResultBatch that answers
  // `batch_id`. INVALID_ARGUMENT: not what is owed; the results before the one
  // that is wrong were taken. `handler_time` is what they took; zero: as long
  // as it is since since(). `effects`: what these results do to the store;
  // those of a message whose result is not in the frame are a breach, too.
  absl::Status AnswerFrame(uint64_t batch_id, absl::string_view frame,
                           absl::Duration handler_time, absl::Time now,
                           FrameEffects effects = {});

  // Takes a payload as the result of the next message; there must be one. It
  // counts once Settle is called.
  void AnswerPayload(absl::string_view payload, absl::Time now);
  // Takes a payload of so many bytes, more than are allowed.
  void AnswerTooLarge(size_t bytes, absl::Time now);
  void Settle(absl::Time now);

  // What the handlers took, since the last call.
  absl::Duration TakeBusy() {
    return std::exchange(busy_, absl::ZeroDuration());
  }

  // How many were answered, since the last call, of each thing owed, oldest
  // first. `answered` is overwritten.
  void TakeAnswered(std::vector<uint64_t>* answered) {
    answered->clear();
    answered_.swap(*answered);
  }

 private:
  absl::Status AnswerResults(absl::string_view frame, uint64_t expected,
                             FrameEffects* effects, uint64_t* answered);
  absl::Status TakeTurn(absl::string_view body, wire::ResultView* result);
  void AnswerNext(absl::Time now);
  void Answered(uint64_t messages, absl::Duration handler_time, absl::Time now);

  std::deque<Expected> expected_;
  std::vector<uint64_t> answered_;
  uint64_t unsettled_ = 0;  // Of the oldest.
  absl::Time since_;
  absl::Duration busy_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_RESPONSE_TRACKER_H_
