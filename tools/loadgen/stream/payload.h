#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_PAYLOAD_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace msgproc::loadgen {

// The payloads of a run: each is told by (seed, stream, sequence) alone, so a
// result is checked without keeping what was sent, and costs a few stores to
// make and a memcmp to check.
//
//   id (16 letters) | letters drawn from the seed | id again (16 letters)
//
// The id is stream and sequence in base 16 with the digits a to p, the lowest
// first, mixed with the seed. Below 32 bytes there is no second id, below 16
// the first is cut short: 4 letters still tell 65,536 neighbours apart, an
// empty payload tells nothing. The id at both ends gives away a body that
// belongs to another message. Letters, so that "uppercase" has work to do and a
// packet dump can be read.
//
// Immutable, so thread-safe. Memory: twice the payload's size.
class Payloads {
 public:
  static constexpr size_t kIdBytes = 16;

  // Streams are below 2^20, sequences below 2^44.
  Payloads(uint64_t seed, size_t bytes);

  size_t bytes() const { return lower_.size(); }

  // A sender's buffer: everything but the ids.
  std::string NewBuffer() const { return lower_; }

  // Makes `buffer`, from NewBuffer, the payload of a message.
  void Stamp(uint64_t stream, uint64_t sequence, std::string* buffer) const;

  // Whether `result` is the payload of the message, as it was or in upper case.
  bool IsEcho(uint64_t stream, uint64_t sequence,
              absl::string_view result) const;
  bool IsUppercase(uint64_t stream, uint64_t sequence,
                   absl::string_view result) const;

 private:
  // The id as kIdBytes letters.
  struct Letters {
    uint64_t words[2];
  };
  static_assert(sizeof(Letters) == kIdBytes);

  static uint64_t Spread(uint64_t value);
  Letters IdLetters(uint64_t stream, uint64_t sequence, char first) const;
  static bool Is(const Letters& id, const std::string& body,
                 absl::string_view result);
  static bool IsShort(const Letters& id, const std::string& body,
                      absl::string_view result);

  const uint64_t mask_;
  std::string lower_;
  std::string upper_;
};

// The rest is here so that it is compiled into the loop over results.

// The 8 hexadecimal digits of `value` as 8 bytes, the lowest first in memory.
inline uint64_t Payloads::Spread(uint64_t value) {
  value = (value | value << 16) & 0x0000ffff0000ffff;
  value = (value | value << 8) & 0x00ff00ff00ff00ff;
  return (value | value << 4) & 0x0f0f0f0f0f0f0f0f;
}

inline Payloads::Letters Payloads::IdLetters(uint64_t stream, uint64_t sequence,
                                             char first) const {
  constexpr uint64_t kEveryByte = 0x0101010101010101;
  const uint64_t id = (stream << 44 | sequence) ^ mask_;
  const uint64_t base = kEveryByte * static_cast<unsigned char>(first);
  return {{Spread(id & 0xffffffff) + base, Spread(id >> 32) + base}};
}

inline void Payloads::Stamp(uint64_t stream, uint64_t sequence,
                            std::string* buffer) const {
  const Letters id = IdLetters(stream, sequence, 'a');
  char* const data = buffer->data();
  const size_t size = buffer->size();
  if (size >= 2 * kIdBytes) [[likely]] {
    std::memcpy(data, id.words, kIdBytes);
    std::memcpy(data + size - kIdBytes, id.words, kIdBytes);
  } else {
    std::memcpy(data, id.words, size < kIdBytes ? size : kIdBytes);
  }
}

inline bool Payloads::Is(const Letters& id, const std::string& body,
                         absl::string_view result) {
  const size_t size = result.size();
  if (size != body.size()) return false;
  if (size < 2 * kIdBytes) [[unlikely]]
    return IsShort(id, body, result);
  const char* const data = result.data();
  return std::memcmp(data, id.words, kIdBytes) == 0 &&
         std::memcmp(data + size - kIdBytes, id.words, kIdBytes) == 0 &&
         std::memcmp(data + kIdBytes, body.data() + kIdBytes,
                     size - 2 * kIdBytes) == 0;
}

inline bool Payloads::IsEcho(uint64_t stream, uint64_t sequence,
                             absl::string_view result) const {
  return Is(IdLetters(stream, sequence, 'a'), lower_, result);
}

inline bool Payloads::IsUppercase(uint64_t stream, uint64_t sequence,
                                  absl::string_view result) const {
  return Is(IdLetters(stream, sequence, 'A'), upper_, result);
}

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_PAYLOAD_H_
