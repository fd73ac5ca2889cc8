#ifndef MSGPROC_TOOLS_LOADGEN_PAYLOAD_H_
#define MSGPROC_TOOLS_LOADGEN_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
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
  uint64_t Id(uint64_t stream, uint64_t sequence) const {
    return (stream << 44 | sequence) ^ mask_;
  }

  const uint64_t mask_;
  std::string lower_;
  std::string upper_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_PAYLOAD_H_
