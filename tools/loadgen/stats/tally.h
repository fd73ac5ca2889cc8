#ifndef MSGPROC_TOOLS_LOADGEN_STATS_TALLY_H_
#define MSGPROC_TOOLS_LOADGEN_STATS_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::loadgen {

// What became of messages. A value; tallies of several streams add up.
struct Tally {
  // Most kinds of error that are told apart, and most bytes of a text.
  static constexpr size_t kMaxErrorKinds = 32;
  static constexpr size_t kMaxTextBytes = 200;

  uint64_t sent = 0;
  uint64_t answered = 0;      // Messages that got at least one result.
  uint64_t duplicated = 0;    // Results beyond a message's first.
  uint64_t failed = 0;        // First results that are errors.
  uint64_t wrong = 0;         // Payloads that the handler cannot have made, and
                              // results of messages never sent.
  uint64_t out_of_order = 0;  // First results that came after a later one's.
  std::map<std::pair<absl::StatusCode, std::string>, uint64_t> errors;
  std::string first_wrong;  // The first anomaly, for people.

  uint64_t lost() const { return sent > answered ? sent - answered : 0; }
  uint64_t succeeded() const { return answered - failed; }
  bool clean() const {
    return lost() == 0 && duplicated == 0 && failed == 0 && wrong == 0 &&
           out_of_order == 0;
  }

  // One more failed message.
  void AddError(absl::StatusCode code, absl::string_view text);
  void Add(const Tally& other);
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STATS_TALLY_H_
