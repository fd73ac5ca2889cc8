#ifndef MSGPROC_SERVICES_BASE_TRIM_POLICY_H_
#define MSGPROC_SERVICES_BASE_TRIM_POLICY_H_

#include <cstddef>
#include <optional>

#include "absl/time/time.h"

namespace msgproc::base {

// Decides when memory that malloc keeps is given back to the system.
//
// A burst leaves pages behind that malloc may use again, and never gives back
// by itself when something small stands behind them. Giving them back holds up
// who allocates meanwhile, and what is needed again is faulted in anew. So it
// is done once a lot of it was spare for several seconds without a break: a
// busy process would have used it. Where it comes back each time the traffic
// does need it now and then, and the pauses grow.
//
// Pure; not thread-safe.
class TrimPolicy {
 public:
  // Less than this, above what the last time could not give back, is not worth
  // the trouble.
  static constexpr size_t kLeastBytes = 32 << 20;
  static constexpr absl::Duration kSpareFor = absl::Seconds(4);
  static constexpr absl::Duration kLeastPause = absl::Seconds(10);
  static constexpr absl::Duration kMostPause = absl::Minutes(2);

  // `spare_bytes`: resident and not in use, about once a second. Returns
  // whether to give back now; then OnTrimmed is to be called.
  bool ShouldTrim(absl::Time now, size_t spare_bytes);

  // What is spare now, since it could not be given back.
  void OnTrimmed(absl::Time now, size_t spare_bytes);

 private:
  // The least that was ever spare since the last time: code, stacks, fragments.
  std::optional<size_t> floor_bytes_;
  // Since when there is enough above it without a break.
  std::optional<absl::Time> spare_since_;
  absl::Time trimmed_at_ = absl::InfinitePast();
  absl::Duration pause_ = kLeastPause;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TRIM_POLICY_H_
