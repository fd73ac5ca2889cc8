#include "client/reconnect_policy.h"

#include <algorithm>

namespace msgproc::client {
namespace {

// 2^20 times the initial backoff is beyond every maximum.
constexpr int kMostDoublings = 20;

}  // namespace

bool ReconnectPolicy::Disconnect(absl::Time now) {
  if (!connected_) return false;
  connected_ = false;
  without_server_since_ = now;
  const bool useful = useful_ || now - connected_since_ >= options_.max_backoff;
  if (useful) failures_ = 0;
  return useful;
}

absl::Time ReconnectPolicy::Backoff(absl::Time now, uint64_t random) {
  const absl::Duration most =
      std::min(options_.max_backoff,
               options_.initial_backoff *
                   (int64_t{1} << std::min(failures_, kMostDoublings)));
  ++failures_;
  const double share = static_cast<double>(random >> 11) * 0x1p-53;
  return now + most * share;
}

ReconnectPolicy::Attempt ReconnectPolicy::OnFailed(absl::Time now,
                                                   uint64_t random) {
  if (Disconnect(now)) return {.when = now, .same_address = true};
  return {.when = Backoff(now, random), .same_address = false};
}

ReconnectPolicy::Attempt ReconnectPolicy::OnMoved(absl::Time now,
                                                  uint64_t random) {
  // A server that sends away whoever comes must not be asked without pause.
  if (Disconnect(now)) return {.when = now, .same_address = false};
  return {.when = Backoff(now, random), .same_address = false};
}

}  // namespace msgproc::client
