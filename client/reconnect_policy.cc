#include "client/reconnect_policy.h"

#include <algorithm>

namespace msgproc::client {
namespace {

// 2^20 times the initial backoff is beyond every maximum.
constexpr int kMostDoublings = 20;

}  // namespace

ReconnectPolicy::Attempt ReconnectPolicy::OnFailed(absl::Time now,
                                                   uint64_t random) {
  if (connected_) {
    connected_ = false;
    without_server_since_ = now;
    if (useful_ || now - connected_since_ >= options_.max_backoff) {
      failures_ = 0;
      return {.when = now, .same_address = true};
    }
  }
  const absl::Duration most =
      std::min(options_.max_backoff,
               options_.initial_backoff *
                   (int64_t{1} << std::min(failures_, kMostDoublings)));
  ++failures_;
  const double share = static_cast<double>(random >> 11) * 0x1p-53;
  return {.when = now + most * share, .same_address = false};
}

ReconnectPolicy::Attempt ReconnectPolicy::OnMoved(absl::Time now) {
  // A server that drains whoever comes must not be asked without pause.
  if (connected_ && !useful_) return OnFailed(now, UINT64_MAX);
  connected_ = false;
  without_server_since_ = now;
  failures_ = 0;
  return {.when = now, .same_address = false};
}

}  // namespace msgproc::client
