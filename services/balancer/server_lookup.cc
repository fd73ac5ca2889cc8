#include "services/balancer/server_lookup.h"

#include <cstddef>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/locality.h"
#include "services/balancer/wire_conversions.h"
#include "wire/proto_locality.h"

namespace msgproc::balancer {
namespace {

absl::Status Check(const v1::GetServerRequest& request) {
  if (request.affinity_key().size() > ServerLookup::kMaxAffinityKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("affinity_key has ", request.affinity_key().size(),
                     " bytes; at most ", ServerLookup::kMaxAffinityKeyBytes,
                     " are allowed (send a hash of a longer one)"));
  }
  if (request.exclude_size() > ServerLookup::kMaxExcluded) {
    return absl::InvalidArgumentError(absl::StrCat(
        "exclude has ", request.exclude_size(), " addresses; at most ",
        ServerLookup::kMaxExcluded, " are allowed (send the latest)"));
  }
  return Validate(wire::LocalityFromProto(request.locality()));
}

}  // namespace

ServerLookup::ServerLookup(Fleet* fleet)
    : fleet_(fleet),
      seconds_({1e-7, 2.5e-7, 5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 1e-4, 1e-3, 1e-2,
                1e-1}) {}

absl::Status ServerLookup::GetServer(const v1::GetServerRequest& request,
                                     v1::GetServerResponse* response) {
  if (absl::Status status = Check(request); !status.ok()) {
    invalid_.Add();
    return status;
  }
  thread_local absl::InsecureBitGen random;
  const absl::Time start = Clock::Monotonic()->Now();
  const std::vector<absl::string_view> exclude(request.exclude().begin(),
                                               request.exclude().end());
  const Locality locality = wire::LocalityFromProto(request.locality());
  const Locality* const client = request.has_locality() ? &locality : nullptr;
  const auto picked =
      fleet_->Pick({request.affinity_key(), exclude, client}, random);
  seconds_.Observe(absl::ToDoubleSeconds(Clock::Monotonic()->Now() - start));
  if (!picked.ok()) {
    none_.Add();
    return picked.status();
  }
  const Choice& choice = picked->choice;
  const LookupZone zone = LookupZoneOf(client, choice[0].locality());
  found_[static_cast<size_t>(zone)].Add();
  ToProto(choice[0], response->mutable_server());
  for (size_t i = 1; i < choice.size(); ++i) {
    ToProto(choice[i], response->add_alternatives());
  }
  return absl::OkStatus();
}

void ServerLookup::ListServers(v1::ListServersResponse* response) const {
  for (const ServerStatus& status : fleet_->List()) {
    ToProto(status, response->add_servers());
  }
}

}  // namespace msgproc::balancer
