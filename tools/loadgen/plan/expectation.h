#ifndef MSGPROC_TOOLS_LOADGEN_PLAN_EXPECTATION_H_
#define MSGPROC_TOOLS_LOADGEN_PLAN_EXPECTATION_H_

#include <string>

#include "absl/strings/string_view.h"

namespace msgproc::loadgen {

// What a handler makes of a payload, as far as the load generator knows.
enum class Expectation {
  kEcho,       // The payload itself: "echo", "spin".
  kUppercase,  // ASCII letters in upper case, the rest as it was.
  kSha256,     // The digest, 32 bytes.
  kUnchecked,  // A handler we know nothing of, or the server's default.
};

// By a handler's name.
Expectation ExpectationOf(absl::string_view handler);

// The result of `payload`; empty for kUnchecked.
std::string ExpectedResult(Expectation expectation, absl::string_view payload);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_PLAN_EXPECTATION_H_
