#ifndef MSGPROC_SERVICES_BASE_FLAG_VALUE_H_
#define MSGPROC_SERVICES_BASE_FLAG_VALUE_H_

#include <optional>
#include <string>

#include "absl/flags/commandlineflag.h"
#include "absl/strings/string_view.h"

namespace msgproc::base {

// "10k" is 10000, "1.5M" is 1500000, and "7" is 7; nothing when it is no
// number. The same everywhere: k is a thousand and M a million.
std::optional<double> ParseCount(absl::string_view text);

// A count with k or M in digits, as Abseil's parsers want it: "10000" for
// "10k". Nothing where `text` has no such ending, or is not whole.
std::optional<std::string> CountInDigits(absl::string_view text);

// Whether the flag is a number, which may be written with k or M.
bool IsNumber(const absl::CommandLineFlag& flag);

// How to write a value for this flag, in place of the `text` that it does not
// take: "give a unit, as in 30s". Empty: its type says nothing.
std::string ValueAdvice(const absl::CommandLineFlag& flag,
                        absl::string_view text);

// How to write a length of time in place of `text`.
std::string DurationAdvice(absl::string_view text);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_FLAG_VALUE_H_
