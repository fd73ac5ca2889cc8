#include "proto/wire/frame.h"

namespace msgproc::wire {
namespace {

constexpr uint32_t kVarint1 = Tag(1, WireType::kVarint);
constexpr uint32_t kBytes1 = Tag(1, WireType::kLengthDelimited);
constexpr uint32_t kBytes2 = Tag(2, WireType::kLengthDelimited);
constexpr uint32_t kBytes3 = Tag(3, WireType::kLengthDelimited);
constexpr uint32_t kVarint3 = Tag(3, WireType::kVarint);
constexpr uint32_t kBytes4 = Tag(4, WireType::kLengthDelimited);

bool ParseHeader(absl::string_view body, HeaderView* header) {
  *header = HeaderView();
  FieldReader reader(body);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    const bool ok = tag == kBytes1   ? reader.ReadBytes(&header->key)
                    : tag == kBytes2 ? reader.ReadBytes(&header->value)
                                     : reader.Skip(tag);
    if (!ok) return false;
  }
  return true;
}

bool AddHeaderBytes(FieldReader* reader, size_t* header_bytes) {
  absl::string_view body;
  HeaderView header;
  if (!reader->ReadBytes(&body) || !ParseHeader(body, &header)) return false;
  *header_bytes += header.key.size() + header.value.size();
  return true;
}

}  // namespace

HeaderRange::Iterator& HeaderRange::Iterator::operator++() {
  while (!reader_.Done()) {
    uint32_t tag;
    absl::string_view body;
    // The body was parsed before: malformed input does not come here.
    if (!reader_.ReadTag(&tag)) break;
    if (tag != kBytes3) {
      if (!reader_.Skip(tag)) break;
      continue;
    }
    if (!reader_.ReadBytes(&body) || !ParseHeader(body, &header_)) break;
    return *this;
  }
  done_ = true;
  return *this;
}

bool ParseMessage(absl::string_view body, MessageView* message) {
  message->sequence = 0;
  message->payload = absl::string_view();
  message->header_bytes = 0;
  message->has_headers = false;
  message->body = body;
  FieldReader reader(body);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    bool ok;
    if (tag == kVarint1) {
      ok = reader.ReadVarint(&message->sequence);
    } else if (tag == kBytes2) {
      ok = reader.ReadBytes(&message->payload);
    } else if (tag == kBytes3) {
      message->has_headers = true;
      ok = AddHeaderBytes(&reader, &message->header_bytes);
    } else {
      ok = reader.Skip(tag);
    }
    if (!ok) return false;
  }
  return true;
}

bool ParseResult(absl::string_view body, ResultView* result) {
  result->sequence = 0;
  result->payload = absl::string_view();
  result->header_bytes = 0;
  result->has_headers = false;
  result->body = body;
  result->failed = false;
  result->error = absl::string_view();
  FieldReader reader(body);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    bool ok;
    if (tag == kVarint1) {
      ok = reader.ReadVarint(&result->sequence);
    } else if (tag == kBytes2) {
      ok = reader.ReadBytes(&result->payload);
    } else if (tag == kBytes3) {
      result->has_headers = true;
      ok = AddHeaderBytes(&reader, &result->header_bytes);
    } else if (tag == kBytes4) {
      result->failed = true;
      ok = reader.ReadBytes(&result->error);
    } else {
      ok = reader.Skip(tag);
    }
    if (!ok) return false;
  }
  return true;
}

bool RequestFrame::Parse(absl::string_view bytes, uint64_t max_messages) {
  has_open = false;
  open = absl::string_view();
  messages.clear();
  message_count = 0;
  MessageView surplus;
  received_through = 0;
  FieldReader reader(bytes);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    if (tag == kBytes2) {
      absl::string_view body;
      MessageView* message =
          ++message_count <= max_messages ? &messages.emplace_back() : &surplus;
      if (!reader.ReadBytes(&body) || !ParseMessage(body, message)) {
        return false;
      }
    } else if (tag == kVarint3) {
      if (!reader.ReadVarint(&received_through)) return false;
    } else if (tag == kBytes1) {
      // Two of them would have to be merged; no encoder writes two.
      if (has_open || !reader.ReadBytes(&open)) return false;
      has_open = true;
    } else if (!reader.Skip(tag)) {
      return false;
    }
  }
  return true;
}

bool ResponseFrame::Parse(absl::string_view bytes) {
  has_welcome = false;
  welcome = absl::string_view();
  results.clear();
  has_drain = false;
  drain = absl::string_view();
  FieldReader reader(bytes);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    if (tag == kBytes2) {
      absl::string_view body;
      if (!reader.ReadBytes(&body) ||
          !ParseResult(body, &results.emplace_back())) {
        return false;
      }
    } else if (tag == kBytes1) {
      if (has_welcome || !reader.ReadBytes(&welcome)) return false;
      has_welcome = true;
    } else if (tag == kBytes3) {
      if (has_drain || !reader.ReadBytes(&drain)) return false;
      has_drain = true;
    } else if (!reader.Skip(tag)) {
      return false;
    }
  }
  return true;
}

}  // namespace msgproc::wire
