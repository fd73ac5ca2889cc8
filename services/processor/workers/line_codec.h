#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_CODEC_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "services/processor/workers/worker_codec.h"

namespace msgproc::processor {

// Speaks with a filter that reads a line and writes a line: a message's payload
// out, its result's payload back. Headers stay behind. What a filter cannot say
// is which line answers which message: one line too many or too few, and
// results belong to the wrong messages until somebody notices that a line came
// to which no message is left.
class LineCodec final : public WorkerCodec {
 public:
  explicit LineCodec(size_t max_payload_bytes)
      : max_payload_bytes_(max_payload_bytes) {}

  // Whether a payload can travel as a line.
  static bool Fits(absl::string_view payload) {
    return payload.find('\n') == absl::string_view::npos;
  }

  std::string Greeting() const override { return ""; }
  bool says_ready() const override { return false; }
  // The payloads must fit.
  void Encode(const Assignment::Part& part, std::vector<OutFrame>* frames,
              std::vector<ResponseTracker::Expected>* expected) override;
  absl::StatusOr<size_t> Decode(absl::string_view bytes, absl::Time now,
                                ResponseTracker* responses) override;
  bool ready() const override { return true; }

 private:
  const size_t max_payload_bytes_;
  // Of a line that is longer than any payload: how much of it has passed.
  size_t overlong_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_CODEC_H_
