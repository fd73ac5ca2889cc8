#ifndef MSGPROC_WIRE_CODING_H_
#define MSGPROC_WIRE_CODING_H_

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
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

// How deep messages and groups may stand inside each other, as protobuf's
// libraries have it by default.
inline constexpr int kMaxDepth = 100;

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
// false at malformed input, after which the reader is of no more use. What is
// malformed is what protobuf's C++ library refuses: frame_test.cc compares.
class FieldReader {
 public:
  // `depth`: how deep inside others the message stands.
  explicit FieldReader(absl::string_view bytes, int depth = 0)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), depth_(depth) {}

  bool Done() const { return at_ == end_; }
  // Where the next field begins.
  const char* at() const { return at_; }

  // A tag; field numbers are 1 to 2^29 - 1.
  bool ReadTag(uint32_t* tag) { return ReadVarint32(tag) && *tag >> 3 != 0; }

  bool ReadVarint(uint64_t* value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      *value = static_cast<uint8_t>(*at_++);
      return true;
    }
    return ReadLongVarint(value);
  }

  bool ReadBytes(absl::string_view* bytes) {
    uint32_t size;
    if (!ReadVarint32(&size) || size > static_cast<size_t>(end_ - at_)) {
      return false;
    }
    *bytes = absl::string_view(at_, size);
    at_ += size;
    return true;
  }

  // Skips the value of a field that nobody here knows.
  bool Skip(uint32_t tag) { return Skip(tag, depth_); }

 private:
  bool Skip(uint32_t tag, int depth) {
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
      case WireType::kStartGroup:
        return SkipGroup(tag >> 3, depth + 1);
      case WireType::kEndGroup:
        return false;
    }
    return false;
  }

  bool SkipGroup(uint32_t field, int depth) {
    if (depth > kMaxDepth) return false;
    uint32_t tag;
    while (ReadTag(&tag)) {
      if (static_cast<WireType>(tag & 7) == WireType::kEndGroup) {
        return tag >> 3 == field;
      }
      if (!Skip(tag, depth)) return false;
    }
    return false;
  }

  // A tag or a length: five bytes at the most, of which 32 bits count.
  bool ReadVarint32(uint32_t* value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      *value = static_cast<uint8_t>(*at_++);
      return true;
    }
    const char* const begin = at_;
    uint64_t longer;
    if (!ReadLongVarint(&longer) || at_ - begin > 5) return false;
    *value = static_cast<uint32_t>(longer);
    return true;
  }

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
  int depth_;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_CODING_H_
