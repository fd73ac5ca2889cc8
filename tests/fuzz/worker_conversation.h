#ifndef MSGPROC_TESTS_FUZZ_WORKER_CONVERSATION_H_
#define MSGPROC_TESTS_FUZZ_WORKER_CONVERSATION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/check.h"
#include "services/processor/workers/response_tracker.h"
#include "services/processor/workers/testing/worker_batches.h"
#include "services/processor/workers/worker_codec.h"

namespace msgproc::fuzz {

// A worker's end of a conversation, as the processor hears it: batches that the
// worker owes answers to, and what it says.
class WorkerConversation {
 public:
  static constexpr size_t kMaxPayload = 8;

  WorkerConversation(std::unique_ptr<processor::WorkerCodec> codec,
                     bool workers_commit)
      : codec_(std::move(codec)) {
    binding_.name = "handler";
    binding_.max_payload_bytes = kMaxPayload;
    binding_.traits.workers_commit = workers_commit;
  }

  // The worker owes results of these messages, from sequence `first` on.
  void Owe(const std::vector<std::string>& payloads, uint64_t first,
           bool one_at_a_time) {
    batches_.push_back(processor::MakeWorkerBatch(&binding_, payloads, first));
    processor::WorkerBatch* const work = batches_.back().get();
    std::vector<processor::OutFrame> frames;
    std::vector<processor::ResponseTracker::Expected> expected;
    codec_->Encode({.item = &work->item,
                    .messages = work->item.remaining(),
                    .one_at_a_time = one_at_a_time,
                    .attempt = 1,
                    .attempt_behind = 1},
                   &frames, &expected);
    for (const auto& one : expected) responses_.Expect(one, absl::UnixEpoch());
    owed_ += payloads.size();
  }

  void Cancel() {
    std::vector<processor::OutFrame> frames;
    codec_->EncodeCancelled(*batches_.front(), &frames);
  }

  // The worker says `bytes`, which arrive in pieces of `piece` bytes; 0: at
  // once. Not OK: it broke the protocol.
  absl::Status Say(absl::string_view bytes, size_t piece) {
    if (piece == 0) piece = bytes.size();
    while (!bytes.empty()) {
      const size_t taken = std::min(piece, bytes.size());
      unread_.append(bytes.data(), taken);
      bytes.remove_prefix(taken);
      // Of its very size, so that the sanitizers see a read beyond.
      const auto exact = std::make_unique<char[]>(unread_.size());
      std::copy(unread_.begin(), unread_.end(), exact.get());
      const auto consumed =
          codec_->Decode(absl::string_view(exact.get(), unread_.size()),
                         absl::UnixEpoch() + absl::Seconds(1), &responses_);
      if (!consumed.ok()) return consumed.status();
      MSGPROC_CHECK_LE(*consumed, unread_.size());
      unread_.erase(0, *consumed);
    }
    return absl::OkStatus();
  }

  // What every batch has by now. There is one result for each answer that the
  // tracker counts, in order, and a client can read each of them.
  std::vector<v1::Result> Results() {
    std::vector<v1::Result> all;
    for (const auto& work : batches_) {
      uint64_t sequence =
          processor::SequenceOf(processor::MessageCursor().Next(work->pieces));
      for (v1::Result& result : processor::ResultsOf(work->batch->results)) {
        MSGPROC_CHECK(result.IsInitialized());
        MSGPROC_CHECK_EQ(result.sequence(), sequence);
        MSGPROC_CHECK_LE(result.payload().size(), kMaxPayload);
        ++sequence;
        all.push_back(std::move(result));
      }
    }
    std::vector<uint64_t> answered;
    responses_.TakeAnswered(&answered);
    MSGPROC_CHECK_EQ(
        std::accumulate(answered.begin(), answered.end(), uint64_t{0}),
        all.size());
    MSGPROC_CHECK_LE(all.size(), owed_);
    MSGPROC_CHECK_EQ(responses_.Empty(), all.size() == owed_);
    return all;
  }

  bool ready() const { return codec_->ready(); }
  const std::string& unread() const { return unread_; }
  // Every entry of every batch's results, encoded.
  std::vector<std::string> Entries() const {
    std::vector<std::string> entries;
    for (const auto& work : batches_) {
      const wire::EntryLog& log = work->batch->results;
      wire::EntryLog::Cursor cursor = log.At(log.first_position());
      while (cursor.position() < log.next_position()) {
        entries.emplace_back(log.Next(&cursor));
      }
    }
    return entries;
  }

 private:
  processor::HandlerBinding binding_;
  const std::unique_ptr<processor::WorkerCodec> codec_;
  processor::ResponseTracker responses_;
  std::vector<std::unique_ptr<processor::WorkerBatch>> batches_;
  size_t owed_ = 0;
  std::string unread_;
};

}  // namespace msgproc::fuzz

#endif  // MSGPROC_TESTS_FUZZ_WORKER_CONVERSATION_H_
