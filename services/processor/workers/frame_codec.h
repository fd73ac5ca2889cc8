#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_FRAME_CODEC_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_FRAME_CODEC_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "services/processor/workers/worker_codec.h"

namespace msgproc::processor {

// The version of worker.proto's rules that this processor keeps.
inline constexpr uint32_t kWorkerProtocolVersion = 1;
// Most bytes of results in one frame, but for a single result.
inline constexpr size_t kMaxWorkerFrameBytes = 1 << 20;

// Speaks worker.proto: batches go out as the very bytes that clients sent,
// results come back as the very bytes that clients get. A codec a worker.
class FrameCodec final : public WorkerCodec {
 public:
  FrameCodec(uint32_t worker, size_t max_payload_bytes)
      : worker_(worker), max_payload_bytes_(max_payload_bytes) {}

  std::string Greeting() const override;
  bool says_ready() const override { return true; }
  void Encode(const Assignment::Part& part, std::vector<OutFrame>* frames,
              std::vector<ResponseTracker::Expected>* expected) override;
  void EncodeCancelled(const WorkerBatch& work,
                       std::vector<OutFrame>* frames) override;
  absl::StatusOr<size_t> Decode(absl::string_view bytes, absl::Time now,
                                ResponseTracker* responses) override;
  bool ready() const override { return ready_; }

 private:
  // `first`: the place in the batch of the first of its messages.
  OutFrame Frame(const WorkerBatch& work, bool one_at_a_time, int attempt,
                 uint64_t first, uint64_t messages,
                 std::vector<wire::Piece> pieces);
  absl::Status DecodeFrame(absl::string_view frame, absl::Time now,
                           ResponseTracker* responses);
  absl::Status DecodeReady(absl::string_view encoded);
  bool AnswerOversized(absl::string_view beginning, size_t frame_bytes,
                       absl::Time now, ResponseTracker* responses) const;

  const uint32_t worker_;
  const size_t max_payload_bytes_;
  uint64_t next_batch_id_ = 1;  // Encode's.
  // Frames without messages that were written and not answered: they need not
  // be, and may.
  std::atomic<int> without_messages_{0};
  // Decode's.
  bool ready_ = false;
  uint64_t to_skip_ = 0;  // What is left of a frame that was too large.
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_FRAME_CODEC_H_
