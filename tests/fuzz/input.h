#ifndef MSGPROC_TESTS_FUZZ_INPUT_H_
#define MSGPROC_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace msgproc::fuzz {

// A fuzzer's input, taken from the front. What is missing at the end is 0 or
// empty, so that every input means something. Not thread-safe.
class Input {
 public:
  Input(const uint8_t* data, size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const char byte = rest_[0];
    rest_.remove_prefix(1);
    return static_cast<uint8_t>(byte);
  }

  // Of 8 bytes. Small ones, and those near the end of the range, in one: a
  // fuzzer comes upon both.
  uint64_t Number() {
    const uint8_t kind = Byte();
    if (kind < 0x80) return kind;
    if (kind < 0xc0) return UINT64_MAX - (kind - 0x80);
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Byte();
    return number;
  }

  // Up to 65,535 bytes; their number stands in front, in two bytes.
  absl::string_view Text() {
    size_t size = Byte();
    size = size << 8 | Byte();
    size = std::min(size, rest_.size());
    const absl::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  // All that is left.
  absl::string_view Rest() {
    const absl::string_view rest = rest_;
    rest_ = absl::string_view();
    return rest;
  }

 private:
  absl::string_view rest_;
};

}  // namespace msgproc::fuzz

#endif  // MSGPROC_TESTS_FUZZ_INPUT_H_
