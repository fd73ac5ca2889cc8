#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_CHECKER_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/loadgen/plan/expectation.h"
#include "tools/loadgen/stats/tally.h"
#include "tools/loadgen/stream/answered_sequences.h"
#include "tools/loadgen/stream/payload.h"

namespace msgproc::loadgen {

// Checks every result of one stream: each sequence once, in order, and with the
// payload that the handler makes of what was sent. Keeps its own books and
// trusts neither server nor client library.
//
// Two kinds of messages: those of a Payloads, which are known from their number
// alone, and lines of input, of whose expected results 8-byte hashes are kept.
// A few nanoseconds a result. Not thread-safe, except that Expect may be called
// by a sender while results of other sequences are checked.
class Checker {
 public:
  // `payloads` outlives the checker.
  Checker(uint64_t stream, Expectation expectation, const Payloads* payloads);

  // For lines: at most `window` are outstanding at once.
  Checker(uint64_t stream, Expectation expectation, uint64_t window);

  // Before anything else: earlier runs had the results up to `answered`, and
  // sent messages up to `sent`, whose results are not known here.
  void GoOn(uint64_t answered, uint64_t sent) {
    answered_.BeginBehind(answered);
    unknown_through_ = sent;
  }

  // Lines only: `line` is about to be sent as `sequence`.
  void Expect(uint64_t sequence, absl::string_view line);

  // A result came while `sent` messages had been sent. True if it is the first
  // of its message.
  bool Check(uint64_t sequence, uint64_t sent, absl::StatusCode code,
             absl::string_view error, absl::string_view payload);

  // A second result came that the client library kept to itself.
  void CountDuplicate() { ++tally_.duplicated; }

  // What was found since the last TakeTally; `sent` is left to the caller.
  Tally TakeTally();

 private:
  bool IsRight(uint64_t sequence, absl::string_view payload);
  void Wrong(uint64_t sequence, absl::string_view what);

  const uint64_t stream_;
  const Expectation expectation_;
  const Payloads* const payloads_;  // Null: lines.
  std::string scratch_;
  std::vector<uint64_t> hashes_;  // By sequence, modulo a power of two.
  AnsweredSequences answered_;
  uint64_t unknown_through_ = 0;
  Tally tally_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_CHECKER_H_
