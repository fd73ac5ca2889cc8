#include "client/locator_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/may_reconnect.h"
#include "common/check.h"
#include "wire/proto_locality.h"

namespace msgproc::client {
namespace {

// What a balancer takes.
constexpr size_t kMostExcluded = 64;

// Whether asking again may help.
bool MayPass(const absl::Status& status) {
  return MayReconnect(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

}  // namespace

LocatorState::LocatorState(std::vector<std::string> balancers,
                           std::string affinity_key, Locality locality)
    : balancers_(std::move(balancers)),
      affinity_key_(std::move(affinity_key)),
      locality_(std::move(locality)) {
  MSGPROC_CHECK(!balancers_.empty());
}

void LocatorState::Begin(const std::vector<std::string>& failed) {
  failed_ = failed;
  errors_.clear();
  asked_ = preferred_;
}

v1::GetServerRequest LocatorState::request() const {
  v1::GetServerRequest request;
  request.set_affinity_key(affinity_key_);
  if (!locality_.empty()) {
    *request.mutable_locality() = wire::ToProto(locality_);
  }
  // The latest are at the end.
  const size_t first =
      failed_.size() > kMostExcluded ? failed_.size() - kMostExcluded : 0;
  for (size_t i = first; i < failed_.size(); ++i) {
    request.add_exclude(failed_[i]);
  }
  return request;
}

std::string LocatorState::OnAnswer(const v1::GetServerResponse& response) {
  preferred_ = asked_;
  remembered_ = {response.server().address()};
  for (const v1::Server& server : response.alternatives()) {
    remembered_.push_back(server.address());
  }
  return response.server().address();
}

absl::optional<absl::StatusOr<std::string>> LocatorState::OnError(
    const absl::Status& status) {
  MSGPROC_CHECK(!status.ok());
  errors_.push_back(status);
  asked_ = (asked_ + 1) % balancers_.size();
  if (errors_.size() < balancers_.size()) return absl::nullopt;
  if (absl::optional<std::string> address = Remembered()) {
    return absl::StatusOr<std::string>(*std::move(address));
  }
  return absl::StatusOr<std::string>(Failure());
}

absl::optional<std::string> LocatorState::Remembered() {
  if (remembered_.empty()) return absl::nullopt;
  for (const std::string& address : remembered_) {
    if (std::find(failed_.begin(), failed_.end(), address) == failed_.end()) {
      return address;
    }
  }
  return remembered_[turn_++ % remembered_.size()];
}

absl::Status LocatorState::Failure() const {
  MSGPROC_CHECK_EQ(errors_.size(), balancers_.size());
  std::string text = "no balancer gave a server";
  bool may_pass = false;
  for (size_t i = 0; i < errors_.size(); ++i) {
    // The round began with the one after the last that was asked.
    const std::string& balancer = balancers_[(asked_ + i) % balancers_.size()];
    absl::StrAppend(&text, "; ", balancer, ": ", errors_[i].message());
    may_pass |= MayPass(errors_[i]);
  }
  return may_pass ? absl::UnavailableError(text)
                  : absl::Status(errors_.back().code(), text);
}

}  // namespace msgproc::client
