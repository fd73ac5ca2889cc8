#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_PRINCIPAL_THROTTLE_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_PRINCIPAL_THROTTLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace msgproc::processor {

// Decides which of the lines about a principal are logged: one a minute, with
// the number of those that were not. So many are known by name; when there are
// more within a minute, the others share a line. Pure: times are handed in. Not
// thread-safe.
class PrincipalThrottle {
 public:
  static constexpr absl::Duration kInterval = absl::Minutes(1);
  static constexpr size_t kKnown = 100;

  explicit PrincipalThrottle(size_t known = kKnown) : known_(known) {}

  // There is something to be said of `who`. Nullopt: not now, it is counted.
  // Else how much about it was not logged since its line before.
  absl::optional<uint64_t> Admit(absl::string_view who, absl::Time now);

 private:
  struct Line {
    absl::Time next = absl::InfinitePast();
    uint64_t suppressed = 0;
  };

  Line* LineOf(absl::string_view who, absl::Time now);
  // Forgets those whose minute is over. What was not logged of them is the
  // others'.
  void Forget(absl::Time now);

  const size_t known_;
  std::map<std::string, Line, std::less<>> lines_;
  Line others_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_PRINCIPAL_THROTTLE_H_
