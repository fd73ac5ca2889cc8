#ifndef MSGPROC_SERVICES_BASE_REJECTIONS_H_
#define MSGPROC_SERVICES_BASE_REJECTIONS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "services/base/log_throttle.h"

namespace msgproc::base {

// Why a connection was closed instead of handed over.
enum class Rejection {
  kConnectionLimit,
  kAddressLimit,  // Of connections from one address.
  kNoDescriptors,
  kProxyHeader,   // Missing or malformed.
  kProxyTimeout,  // Not complete in time.
  kStopping,
  kSystemError,
  kCount,
};

inline constexpr size_t kRejections = static_cast<size_t>(Rejection::kCount);

// "connection_limit", "no_descriptors", ...: a metric's label.
absl::string_view RejectionName(Rejection reason);

// The connections that an acceptor closed, by reason: counted each, logged at
// most once a second and reason, so that a flood of connections is no flood of
// lines. Thread-safe.
class Rejections {
 public:
  using Counts = std::array<uint64_t, kRejections>;

  // `what` says what happened and what to do; `peer` is whose connection it was
  // (empty: nobody knows any more), `address` the listener's.
  void Add(Rejection reason, absl::string_view what, absl::string_view peer,
           absl::string_view address, size_t open_connections);

  Counts Snapshot() const;

 private:
  std::array<std::atomic<uint64_t>, kRejections> counts_{};
  std::array<LogThrottle, kRejections> throttles_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_REJECTIONS_H_
