#ifndef MSGPROC_PROTO_WIRE_CODING_H_
#define MSGPROC_PROTO_WIRE_CODING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

// The Protocol Buffers wire format, as far as frames need it.
// https://protobuf.dev/programming-guides/encoding/
namespace msgproc::wire {

enum class WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kFixed32 = 5,
};

constexpr uint32_t Tag(uint32_t field, WireType type) {
  return field << 3 | static_cast<uint32_t>(type);
}

// How many bytes a varint takes: 1 to 10.
inline size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(63 - __builtin_clzll(value | 1)) * 9 + 73) / 64;
}

// Writes a varint and returns the place behind it.
inline char* PutVarint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

// Writes a field of bytes with a one-byte tag; returns the place behind it.
inline char* PutBytes(char* to, uint32_t tag, absl::string_view bytes) {
  *to++ = static_cast<char>(tag);
  to = PutVarint(to, bytes.size());
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

// The size of a field of bytes with a one-byte tag.
inline size_t BytesFieldSize(size_t bytes) {
  return 1 + VarintSize(bytes) + bytes;
}

// Reads fields one after another from an encoded message. Every Read* returns
// false at malformed input, after which the reader is of no more use.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool Done() const { return at_ == end_; }
  // Where the next field begins.
  const char* at() const { return at_; }

  // A tag; field numbers are 1 to 2^29 - 1.
  bool ReadTag(uint32_t* tag) {
    uint64_t value;
    if (!ReadVarint(&value) || value > UINT32_MAX || value >> 3 == 0) {
      return false;
    }
    *tag = static_cast<uint32_t>(value);
    return true;
  }

  bool ReadVarint(uint64_t* value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      *value = static_cast<uint8_t>(*at_++);
      return true;
    }
    return ReadLongVarint(value);
  }

  bool ReadBytes(absl::string_view* bytes) {
    uint64_t size;
    if (!ReadVarint(&size) || size > static_cast<uint64_t>(end_ - at_)) {
      return false;
    }
    *bytes = absl::string_view(at_, size);
    at_ += size;
    return true;
  }

  // Skips the value of a field that nobody here knows.
  bool Skip(uint32_t tag) {
    uint64_t varint;
    absl::string_view bytes;
    switch (static_cast<WireType>(tag & 7)) {
      case WireType::kVarint:
        return ReadVarint(&varint);
      case WireType::kLengthDelimited:
        return ReadBytes(&bytes);
      case WireType::kFixed64:
        return SkipBytes(8);
      case WireType::kFixed32:
        return SkipBytes(4);
    }
    return false;  // Groups: proto3 has none.
  }

 private:
  bool SkipBytes(size_t bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes) return false;
    at_ += bytes;
    return true;
  }

  bool ReadLongVarint(uint64_t* value) {
    uint64_t result = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return false;
      const auto byte = static_cast<uint8_t>(*at_++);
      result |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return false;
  }

  const char* at_;
  const char* end_;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_PROTO_WIRE_CODING_H_
