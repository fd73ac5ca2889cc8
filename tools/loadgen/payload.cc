#include "tools/loadgen/payload.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "tools/loadgen/random.h"

namespace msgproc::loadgen {
namespace {

constexpr uint64_t kEveryByte = 0x0101010101010101;

// The 8 hexadecimal digits of `value` as 8 bytes, the lowest first in memory.
uint64_t Spread(uint64_t value) {
  value = (value | value << 16) & 0x0000ffff0000ffff;
  value = (value | value << 8) & 0x00ff00ff00ff00ff;
  return (value | value << 4) & 0x0f0f0f0f0f0f0f0f;
}

// The id in letters from `first` on.
struct IdLetters {
  IdLetters(uint64_t id, char first) {
    const uint64_t base = kEveryByte * static_cast<unsigned char>(first);
    words[0] = Spread(id & 0xffffffff) + base;
    words[1] = Spread(id >> 32) + base;
  }
  uint64_t words[2];
};
static_assert(sizeof(IdLetters) == Payloads::kIdBytes);

bool Is(const IdLetters& id, const std::string& body,
        absl::string_view result) {
  constexpr size_t kId = Payloads::kIdBytes;
  if (result.size() != body.size()) return false;
  const size_t head = std::min(kId, result.size());
  if (std::memcmp(result.data(), id.words, head) != 0) return false;
  if (result.size() < 2 * kId) {
    return std::memcmp(result.data() + head, body.data() + head,
                       result.size() - head) == 0;
  }
  const size_t tail = result.size() - kId;
  return std::memcmp(result.data() + tail, id.words, kId) == 0 &&
         std::memcmp(result.data() + kId, body.data() + kId, tail - kId) == 0;
}

}  // namespace

Payloads::Payloads(uint64_t seed, size_t bytes) : mask_(NextRandom(&seed)) {
  lower_.resize(bytes);
  for (char& letter : lower_) {
    letter = static_cast<char>('a' + NextRandom(&seed) % 26);
  }
  upper_ = absl::AsciiStrToUpper(lower_);
}

void Payloads::Stamp(uint64_t stream, uint64_t sequence,
                     std::string* buffer) const {
  const IdLetters id(Id(stream, sequence), 'a');
  std::memcpy(buffer->data(), id.words, std::min(kIdBytes, buffer->size()));
  if (buffer->size() >= 2 * kIdBytes) {
    std::memcpy(buffer->data() + buffer->size() - kIdBytes, id.words, kIdBytes);
  }
}

bool Payloads::IsEcho(uint64_t stream, uint64_t sequence,
                      absl::string_view result) const {
  return Is(IdLetters(Id(stream, sequence), 'a'), lower_, result);
}

bool Payloads::IsUppercase(uint64_t stream, uint64_t sequence,
                           absl::string_view result) const {
  return Is(IdLetters(Id(stream, sequence), 'A'), upper_, result);
}

}  // namespace msgproc::loadgen
