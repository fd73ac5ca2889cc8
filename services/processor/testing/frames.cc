#include "services/processor/testing/frames.h"

#include <cstddef>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

std::string Join(const std::vector<wire::Piece>& pieces) {
  std::string bytes;
  for (const wire::Piece& piece : pieces) bytes.append(piece.data, piece.size);
  return bytes;
}

template <typename Entries>
std::vector<uint64_t> SequencesOf(const Entries& entries) {
  std::vector<uint64_t> sequences;
  for (const auto& entry : entries) sequences.push_back(entry.sequence());
  return sequences;
}

}  // namespace

std::string PayloadOf(uint64_t sequence, size_t bytes) {
  std::string payload = std::to_string(sequence);
  payload.resize(bytes, '.');
  return payload;
}

v1::ProcessRequest Messages(uint64_t first, uint64_t count, size_t bytes) {
  v1::ProcessRequest request;
  for (uint64_t i = 0; i < count; ++i) {
    v1::Message* message = request.add_messages();
    message->set_sequence(first + i);
    message->set_payload(PayloadOf(first + i, bytes));
  }
  return request;
}

TestFrame::TestFrame(const v1::ProcessRequest& request)
    : bytes_(request.SerializeAsString()) {
  EXPECT_TRUE(frame_.Parse(bytes_));
}

v1::ProcessResponse Decode(std::vector<wire::Piece>* pieces) {
  v1::ProcessResponse response;
  EXPECT_TRUE(response.ParseFromString(Join(*pieces)));
  pieces->clear();
  return response;
}

v1::ProcessRequest DecodeMessages(const std::vector<wire::Piece>& pieces) {
  v1::ProcessRequest request;
  EXPECT_TRUE(request.ParseFromString(Join(pieces)));
  return request;
}

std::vector<uint64_t> Sequences(const v1::ProcessResponse& response) {
  return SequencesOf(response.results());
}

std::vector<uint64_t> Sequences(const v1::ProcessRequest& request) {
  return SequencesOf(request.messages());
}

std::vector<uint64_t> Range(uint64_t first, uint64_t last) {
  std::vector<uint64_t> range;
  for (uint64_t i = first; i <= last; ++i) range.push_back(i);
  return range;
}

}  // namespace msgproc::processor
