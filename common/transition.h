#ifndef MSGPROC_COMMON_TRANSITION_H_
#define MSGPROC_COMMON_TRANSITION_H_

#include "absl/strings/string_view.h"

namespace msgproc {

// Hears of each change of state of the pure machines: of which class, and from
// and to which state, by their names. Defined by who wants to hear, such as
// tests/simulation; nobody does so in a product, and there it is null. May be
// called on any thread.
[[gnu::weak]] void OnTransition(absl::string_view machine,
                                absl::string_view from, absl::string_view to);

// A machine changes its state.
inline void TellTransition(absl::string_view machine, absl::string_view from,
                           absl::string_view to) {
  if (OnTransition != nullptr) OnTransition(machine, from, to);
}

}  // namespace msgproc

#endif  // MSGPROC_COMMON_TRANSITION_H_
