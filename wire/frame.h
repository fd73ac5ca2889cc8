#ifndef MSGPROC_WIRE_FRAME_H_
#define MSGPROC_WIRE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "wire/coding.h"

// Frames (ProcessRequest, ProcessResponse) read in place: views into their
// bytes, no copies, no allocation for each message. They accept and refuse what
// the generated classes do, and read the same from it, as frame_test.cc proves;
// with one difference: of an Error in two parts the last counts, where protobuf
// would merge them. No encoder writes one.
namespace msgproc::wire {

// Rules 2 and 3 of processor.proto.
inline constexpr size_t kMaxFrameBytes = 1 << 20;
// Messages or results that we put into one frame at most: with more, the first
// waits long for the last, and both ends for each other.
inline constexpr uint64_t kFrameMessages = 4096;
inline constexpr uint64_t kMaxMessagesWithOpen = 64;
inline constexpr size_t kMaxBytesWithOpen = 64 << 10;
// Of one message, or of one result: keys and values together.
inline constexpr size_t kMaxHeaderBytes = 64 << 10;
inline constexpr size_t kMaxHeaders = 128;
// Whoever is silent for so many heartbeat intervals is gone.
inline constexpr int kSilentIntervals = 3;
// The most that an encoder adds to a message or result, and for each header.
// What is more is unknown fields, and counts like a payload.
inline constexpr size_t kEncodingBytes = 32;
inline constexpr size_t kHeaderEncodingBytes = 24;

// What counts against a window of bytes (rule 6).
inline size_t WindowBytes(size_t payload, size_t header_bytes, size_t headers,
                          size_t encoded) {
  const size_t encoding = kEncodingBytes + kHeaderEncodingBytes * headers;
  const size_t counted = payload + header_bytes;
  return encoded > counted + encoding ? encoded - encoding : counted;
}

struct HeaderView {
  absl::string_view key;
  absl::string_view value;
};

// The headers inside an encoded Message or Result, in order.
class HeaderRange {
 public:
  class Iterator {
   public:
    explicit Iterator(absl::string_view body) : reader_(body, 1) { ++*this; }
    const HeaderView& operator*() const { return header_; }
    const HeaderView* operator->() const { return &header_; }
    Iterator& operator++();
    bool operator==(std::nullptr_t) const { return done_; }
    bool operator!=(std::nullptr_t) const { return !done_; }

   private:
    FieldReader reader_;
    HeaderView header_;
    bool done_ = false;
  };

  HeaderRange() = default;
  explicit HeaderRange(absl::string_view body) : body_(body) {}
  Iterator begin() const { return Iterator(body_); }
  std::nullptr_t end() const { return nullptr; }
  bool empty() const { return begin() == end(); }

 private:
  absl::string_view body_;
};

// One Message. Views into the frame.
struct MessageView {
  uint64_t sequence = 0;
  absl::string_view payload;
  // Header keys and values together.
  size_t header_bytes = 0;
  size_t header_count = 0;
  // A key is a `string` of proto3: whoever reads one that is not UTF-8 with
  // generated classes refuses everything that comes along with it.
  bool keys_are_utf8 = true;
  // The encoded Message.
  absl::string_view body;

  HeaderRange headers() const {
    return header_count > 0 ? HeaderRange(body) : HeaderRange();
  }
  // What counts against a window of bytes (rule 6).
  size_t window_bytes() const {
    return WindowBytes(payload.size(), header_bytes, header_count, body.size());
  }
};

// One Result. Views into the frame.
struct ResultView {
  uint64_t sequence = 0;
  absl::string_view payload;
  size_t header_bytes = 0;
  size_t header_count = 0;
  // A key is a `string` of proto3: whoever reads one that is not UTF-8 with
  // generated classes refuses everything that comes along with it.
  bool keys_are_utf8 = true;
  // The encoded Result.
  absl::string_view body;
  bool failed = false;
  // The encoded Error, when failed.
  absl::string_view error;

  HeaderRange headers() const {
    return header_count > 0 ? HeaderRange(body) : HeaderRange();
  }
  // What counts against a client's window of result bytes.
  size_t window_bytes() const { return payload.size() + header_bytes; }
};

// A ProcessRequest. Reused from frame to frame, so that `messages` keeps its
// memory.
struct RequestFrame {
  bool has_open = false;
  // The encoded Open.
  absl::string_view open;
  std::vector<MessageView> messages;
  // How many there are; `messages` has the first of them when they are too
  // many.
  uint64_t message_count = 0;
  uint64_t received_through = 0;
  bool has_refresh_token = false;
  absl::string_view refresh_token;

  // False: not a ProcessRequest. Views point into `bytes`, or into this. A
  // message takes two bytes on the wire and many here: no more than
  // `max_messages` are kept.
  bool Parse(absl::string_view bytes, uint64_t max_messages = UINT64_MAX);

 private:
  std::string merged_open_;
};

// A ProcessResponse. Reused from frame to frame.
struct ResponseFrame {
  bool has_welcome = false;
  // The encoded Welcome.
  absl::string_view welcome;
  std::vector<ResultView> results;
  bool has_drain = false;
  // The encoded Drain.
  absl::string_view drain;
  bool has_token_expires_in = false;
  // The encoded Duration.
  absl::string_view token_expires_in;

  // False: not a ProcessResponse. Views point into `bytes`, or into this.
  bool Parse(absl::string_view bytes);

 private:
  std::string merged_welcome_;
  std::string merged_drain_;
  std::string merged_token_expires_in_;
};

// The encoded body of one Message or Result (what stands behind the tag and
// length of an entry). False: malformed. Keys that are not UTF-8 are read, and
// said: frames with such are refused.
bool ParseMessage(absl::string_view body, MessageView* message);
bool ParseResult(absl::string_view body, ResultView* result);

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_FRAME_H_
