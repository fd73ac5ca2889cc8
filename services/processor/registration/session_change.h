#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_SESSION_CHANGE_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_SESSION_CHANGE_H_

#include <algorithm>
#include <cstdint>

namespace msgproc::processor {

// Whether so many sessions more or less cannot wait for the next report: from
// one in fifty on.
inline bool IsMuch(uint64_t reported, uint64_t sessions) {
  constexpr uint64_t kMuch = 50;
  const uint64_t change =
      std::max(reported, sessions) - std::min(reported, sessions);
  return change > 0 && change * kMuch >= reported;
}

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_SESSION_CHANGE_H_
