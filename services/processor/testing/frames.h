#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_FRAMES_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::processor {

// A request with messages at consecutive sequences, payloads of so many bytes
// that tell their sequence ("7......"), if there is room for it.
v1::ProcessRequest Messages(uint64_t first, uint64_t count, size_t bytes = 8);
std::string PayloadOf(uint64_t sequence, size_t bytes = 8);

// A request in the form that the processor reads, with the bytes that it points
// into.
class TestFrame {
 public:
  explicit TestFrame(const v1::ProcessRequest& request);
  TestFrame(const TestFrame&) = delete;
  TestFrame& operator=(const TestFrame&) = delete;

  const wire::RequestFrame& operator*() const { return frame_; }
  const wire::RequestFrame* operator->() const { return &frame_; }

 private:
  const std::string bytes_;
  wire::RequestFrame frame_;
};

// What a frame made of the pieces says. Leaves `pieces` empty.
v1::ProcessResponse Decode(std::vector<wire::Piece>* pieces);
// The messages in the pieces that an executor is given.
v1::ProcessRequest DecodeMessages(const std::vector<wire::Piece>& pieces);

std::vector<uint64_t> Sequences(const v1::ProcessResponse& response);
std::vector<uint64_t> Sequences(const v1::ProcessRequest& request);
// first, first + 1, …, last.
std::vector<uint64_t> Range(uint64_t first, uint64_t last);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_FRAMES_H_
