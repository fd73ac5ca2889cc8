#include "tools/loadgen/report/format.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace msgproc::loadgen {
namespace {

// Three digits of a number below 1,000; one more digit never misleads beyond.
std::string ThreeDigits(double value) {
  if (value < 9.995) return absl::StrFormat("%.2f", value);
  if (value < 99.95) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.0f", value);
}

}  // namespace

std::string FormatNanoseconds(double nanoseconds) {
  if (nanoseconds < 999.5) return absl::StrFormat("%.0f ns", nanoseconds);
  if (nanoseconds < 999.5e3) {
    return absl::StrCat(ThreeDigits(nanoseconds / 1e3), " us");
  }
  if (nanoseconds < 999.5e6) {
    return absl::StrCat(ThreeDigits(nanoseconds / 1e6), " ms");
  }
  return absl::StrCat(ThreeDigits(nanoseconds / 1e9), " s");
}

std::string FormatCount(uint64_t count) {
  const std::string digits = absl::StrCat(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string FormatPlural(uint64_t count, const std::string& noun) {
  return absl::StrCat(FormatCount(count), " ", noun, count == 1 ? "" : "s");
}

}  // namespace msgproc::loadgen
