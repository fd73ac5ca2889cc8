// ProcessRequest, read in place: as protobuf's generated classes read it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "msgproc/v1/processor.pb.h"
#include "tests/fuzz/reference.h"
#include "wire/entry.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::fuzz {
namespace {

constexpr uint64_t kMostMessages = 3;

// What is encoded of a message that was read is read as the same.
void CheckRoundTrip(const wire::MessageView& message) {
  std::vector<wire::HeaderView> headers;
  for (const wire::HeaderView& header : message.headers()) {
    headers.push_back(header);
  }
  wire::EntryLog log;
  wire::AppendMessage(&log, message.sequence, message.payload, headers);
  wire::EntryLog::Cursor cursor = log.At(1);
  wire::MessageView again;
  MSGPROC_CHECK(wire::ParseMessage(log.Next(&cursor), &again));
  MSGPROC_CHECK_EQ(again.sequence, message.sequence);
  MSGPROC_CHECK_EQ(again.payload, message.payload);
  MSGPROC_CHECK_EQ(again.header_count, message.header_count);
  MSGPROC_CHECK_EQ(again.header_bytes, message.header_bytes);
  // The window never counts less than what is encoded needs.
  MSGPROC_CHECK_LE(again.window_bytes(), message.window_bytes());
}

void CheckSame(const wire::RequestFrame& frame,
               const v1::ProcessRequest& request) {
  MSGPROC_CHECK_EQ(frame.has_open, request.has_open());
  MSGPROC_CHECK_EQ(frame.received_through, request.received_through());
  MSGPROC_CHECK_EQ(frame.refresh_token, request.refresh_token());
  MSGPROC_CHECK_EQ(frame.message_count, frame.messages.size());
  MSGPROC_CHECK_EQ(frame.messages.size(),
                   static_cast<size_t>(request.messages_size()));
  for (int i = 0; i < request.messages_size(); ++i) {
    const wire::MessageView& view = frame.messages[static_cast<size_t>(i)];
    MSGPROC_CHECK_EQ(view.sequence, request.messages(i).sequence());
    MSGPROC_CHECK_EQ(view.payload, request.messages(i).payload());
    CheckSameHeaders(view.headers(), request.messages(i).headers());
    CheckRoundTrip(view);
  }
}

// A frame of messages of two bytes takes no more memory than it may have
// messages.
void CheckBounded(absl::string_view bytes, bool expected, uint64_t messages) {
  wire::RequestFrame frame;
  MSGPROC_CHECK_EQ(frame.Parse(bytes, kMostMessages), expected);
  MSGPROC_CHECK_LE(frame.messages.size(), kMostMessages);
  MSGPROC_CHECK_LE(frame.messages.capacity(), 2 * kMostMessages);
  if (expected) MSGPROC_CHECK_EQ(frame.message_count, messages);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Reused, as a stream does.
  static auto* const frame = new wire::RequestFrame;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  v1::ProcessRequest request;
  const bool expected = Reads(bytes, &request);
  const bool read = frame->Parse(bytes);
  v1::Open open;
  // The insides of an Open are read by the generated classes.
  MSGPROC_CHECK_EQ(read && Reads(frame->open, &open), expected);
  CheckBounded(bytes, read, frame->message_count);
  if (!expected) return 0;
  MSGPROC_CHECK(open.SerializeAsString() == request.open().SerializeAsString());
  CheckSame(*frame, request);
  return 0;
}

}  // namespace msgproc::fuzz
