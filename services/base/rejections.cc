#include "services/base/rejections.h"

#include "absl/types/optional.h"
#include "common/check.h"
#include "services/base/log.h"

namespace msgproc::base {

absl::string_view RejectionName(Rejection reason) {
  switch (reason) {
    case Rejection::kConnectionLimit:
      return "connection_limit";
    case Rejection::kAddressLimit:
      return "address_limit";
    case Rejection::kNoDescriptors:
      return "no_descriptors";
    case Rejection::kProxyHeader:
      return "proxy_header";
    case Rejection::kProxyTimeout:
      return "proxy_timeout";
    case Rejection::kStopping:
      return "stopping";
    case Rejection::kSystemError:
      return "system_error";
    case Rejection::kCount:
      break;
  }
  return "unknown";
}

void Rejections::Add(Rejection reason, absl::string_view what,
                     absl::string_view peer, absl::string_view address,
                     size_t open_connections) {
  const auto index = static_cast<size_t>(reason);
  MSGPROC_CHECK_LT(index, kRejections);
  counts_[index].fetch_add(1, std::memory_order_relaxed);
  const absl::optional<uint64_t> suppressed = throttles_[index].Admit();
  if (!suppressed.has_value()) return;
  LogWarning(what, {{"reason", RejectionName(reason)},
                    {"peer", peer},
                    {"address", address},
                    {"open", open_connections},
                    {"suppressed", *suppressed}});
}

Rejections::Counts Rejections::Snapshot() const {
  Counts counts{};
  for (size_t i = 0; i < kRejections; ++i) {
    counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

}  // namespace msgproc::base
