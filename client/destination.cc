#include "client/destination.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::client {
namespace {

// A balancer takes 64; the last few are those worth avoiding.
constexpr size_t kMostFailed = 8;

}  // namespace

void Destination::OnLocated(std::string address, absl::Time now) {
  address_ = std::move(address);
  located_ = true;
  when_ = now;
}

void Destination::OnFailed(absl::Status why, absl::Time now, uint64_t random) {
  const ReconnectPolicy::Attempt attempt = policy_.OnFailed(now, random);
  located_ = attempt.same_address;
  when_ = attempt.when;
  last_failure_ = std::move(why);
  if (!located_) Avoid();
}

void Destination::OnMoved(const std::string& address, absl::Time now,
                          uint64_t random) {
  when_ = policy_.OnMoved(now, random).when;
  if (address.empty()) {
    Avoid();
    return;
  }
  address_ = address;
  located_ = true;
}

void Destination::OnConnected(absl::Time now) {
  policy_.OnConnected(now);
  failed_.clear();
}

void Destination::Avoid() {
  MSGPROC_CHECK_LE(failed_.size(), kMostFailed);
  if (address_.empty()) return;
  if (failed_.size() == kMostFailed) failed_.erase(failed_.begin());
  failed_.push_back(address_);
}

std::string Destination::LastFailure() const {
  return last_failure_.ok() ? ""
                            : absl::StrCat("; the last attempt ended ",
                                           last_failure_.ToString());
}

}  // namespace msgproc::client
