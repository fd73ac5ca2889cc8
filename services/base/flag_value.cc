#include "services/base/flag_value.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace msgproc::base {
namespace {

template <typename T>
bool IsWhole(const absl::CommandLineFlag& flag) {
  return flag.IsOfType<T>() || flag.IsOfType<std::optional<T>>();
}

bool IsUnsigned(const absl::CommandLineFlag& flag) {
  return IsWhole<uint16_t>(flag) || IsWhole<uint32_t>(flag) ||
         IsWhole<uint64_t>(flag);
}

bool IsSigned(const absl::CommandLineFlag& flag) {
  return IsWhole<int16_t>(flag) || IsWhole<int32_t>(flag) ||
         IsWhole<int64_t>(flag);
}

std::string WholeNumberAdvice(absl::string_view text, bool is_unsigned) {
  const std::optional<double> number = ParseCount(text);
  if (!number) return "give a whole number, as in 500, 10k or 2M";
  if (is_unsigned && *number < 0) return "it must not be negative";
  if (*number != std::floor(*number)) return "give a whole number";
  return "it is too large";
}

}  // namespace

std::optional<double> ParseCount(absl::string_view text) {
  double factor = 1;
  if (absl::ConsumeSuffix(&text, "k")) {
    factor = 1e3;
  } else if (absl::ConsumeSuffix(&text, "M")) {
    factor = 1e6;
  }
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number * factor;
}

std::optional<std::string> CountInDigits(absl::string_view text) {
  if (!absl::EndsWith(text, "k") && !absl::EndsWith(text, "M")) {
    return std::nullopt;
  }
  constexpr double kMostExact = 9e15;  // Beyond that a double skips numbers.
  const std::optional<double> count = ParseCount(text);
  if (!count || std::abs(*count) > kMostExact) return std::nullopt;
  const double whole = std::round(*count);
  // 1.1k is 1100, though not to the last bit.
  if (std::abs(*count - whole) > 1e-6) return std::nullopt;
  return absl::StrFormat("%.0f", whole);
}

bool IsNumber(const absl::CommandLineFlag& flag) {
  return IsUnsigned(flag) || IsSigned(flag) || flag.IsOfType<double>() ||
         flag.IsOfType<float>();
}

std::string DurationAdvice(absl::string_view text) {
  double number = 0;
  if (absl::SimpleAtod(text, &number)) {
    return absl::StrCat("give a unit, as in ", text, "s (or ms, m, h)");
  }
  return "give a length of time with its unit, as in 500ms, 30s or 5m";
}

std::string ValueAdvice(const absl::CommandLineFlag& flag,
                        absl::string_view text) {
  if (flag.IsOfType<absl::Duration>()) return DurationAdvice(text);
  if (flag.IsOfType<bool>()) return "give true or false";
  if (IsUnsigned(flag) || IsSigned(flag)) {
    return WholeNumberAdvice(text, IsUnsigned(flag));
  }
  if (IsNumber(flag)) return "give a number, as in 0.5, 10k or 2M";
  return "";
}

}  // namespace msgproc::base
