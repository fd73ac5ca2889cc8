#include "wire/frame.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/utf8.h"

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
  FieldReader reader(body, 2);
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

// Counts a header of a MessageView or a ResultView.
template <typename View>
bool AddHeader(FieldReader* reader, View* view) {
  absl::string_view body;
  HeaderView header;
  if (!reader->ReadBytes(&body) || !ParseHeader(body, &header)) return false;
  ++view->header_count;
  view->keys_are_utf8 = view->keys_are_utf8 && IsUtf8(header.key);
  view->header_bytes += header.key.size() + header.value.size();
  return true;
}

// Whether the fields of an embedded message can be told apart.
bool IsWellFormed(absl::string_view body) {
  FieldReader reader(body, 1);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag) || !reader.Skip(tag)) return false;
  }
  return true;
}

// Reads an embedded message that is there once. Where it is there again,
// protobuf merges, which is to read one behind the other.
bool ReadMerged(FieldReader* reader, bool* has, absl::string_view* embedded,
                std::string* merged) {
  absl::string_view body;
  if (!reader->ReadBytes(&body)) return false;
  if (std::exchange(*has, true)) {
    // What the first lacks, the second might complete.
    if (!IsWellFormed(*embedded) || !IsWellFormed(body)) return false;
    std::string both = absl::StrCat(*embedded, body);
    *merged = std::move(both);
    *embedded = *merged;
  } else {
    *embedded = body;
  }
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
  message->header_count = 0;
  message->keys_are_utf8 = true;
  message->body = body;
  FieldReader reader(body, 1);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    bool ok;
    if (tag == kVarint1) {
      ok = reader.ReadVarint(&message->sequence);
    } else if (tag == kBytes2) {
      ok = reader.ReadBytes(&message->payload);
    } else if (tag == kBytes3) {
      ok = AddHeader(&reader, message);
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
  result->header_count = 0;
  result->keys_are_utf8 = true;
  result->body = body;
  result->failed = false;
  result->error = absl::string_view();
  FieldReader reader(body, 1);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    bool ok;
    if (tag == kVarint1) {
      ok = reader.ReadVarint(&result->sequence);
    } else if (tag == kBytes2) {
      ok = reader.ReadBytes(&result->payload);
    } else if (tag == kBytes3) {
      ok = AddHeader(&reader, result);
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
  has_refresh_token = false;
  refresh_token = absl::string_view();
  FieldReader reader(bytes);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    if (tag == kBytes2) {
      absl::string_view body;
      MessageView* message =
          ++message_count <= max_messages ? &messages.emplace_back() : &surplus;
      if (!reader.ReadBytes(&body) || !ParseMessage(body, message) ||
          !message->keys_are_utf8) {
        return false;
      }
    } else if (tag == kVarint3) {
      if (!reader.ReadVarint(&received_through)) return false;
    } else if (tag == kBytes1) {
      if (!ReadMerged(&reader, &has_open, &open, &merged_open_)) return false;
    } else if (tag == kBytes4) {
      has_refresh_token = true;
      if (!reader.ReadBytes(&refresh_token) || !IsUtf8(refresh_token)) {
        return false;
      }
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
  has_token_expires_in = false;
  token_expires_in = absl::string_view();
  FieldReader reader(bytes);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) return false;
    if (tag == kBytes2) {
      absl::string_view body;
      if (!reader.ReadBytes(&body) ||
          !ParseResult(body, &results.emplace_back()) ||
          !results.back().keys_are_utf8) {
        return false;
      }
    } else if (tag == kBytes1) {
      if (!ReadMerged(&reader, &has_welcome, &welcome, &merged_welcome_)) {
        return false;
      }
    } else if (tag == kBytes3) {
      if (!ReadMerged(&reader, &has_drain, &drain, &merged_drain_)) {
        return false;
      }
    } else if (tag == kBytes4) {
      if (!ReadMerged(&reader, &has_token_expires_in, &token_expires_in,
                      &merged_token_expires_in_)) {
        return false;
      }
    } else if (!reader.Skip(tag)) {
      return false;
    }
  }
  return true;
}

}  // namespace msgproc::wire
