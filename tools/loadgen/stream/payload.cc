#include "tools/loadgen/stream/payload.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/split_mix.h"

namespace msgproc::loadgen {

Payloads::Payloads(uint64_t seed, size_t bytes) : mask_(SplitMix64(&seed)) {
  lower_.resize(bytes);
  for (char& letter : lower_) {
    letter = static_cast<char>('a' + SplitMix64(&seed) % 26);
  }
  upper_ = absl::AsciiStrToUpper(lower_);
}

bool Payloads::IsShort(const Letters& id, const std::string& body,
                       absl::string_view result) {
  const size_t head = std::min(kIdBytes, result.size());
  return std::memcmp(result.data(), id.words, head) == 0 &&
         std::memcmp(result.data() + head, body.data() + head,
                     result.size() - head) == 0;
}

}  // namespace msgproc::loadgen
