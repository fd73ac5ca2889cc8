#include "tools/ctl/check.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "wire/proto_time.h"

namespace msgproc::ctl {

Answer Ask(AdminClient* client) {
  Answer answer;
  answer.server = client->server();
  // Once for the connection, which takes its time.
  answer.failure = client->GetStatus().status();
  if (!answer.failure.ok()) return answer;
  const absl::Time asked = Clock::Monotonic()->Now();
  auto status = client->GetStatus();
  answer.round_trip = Clock::Monotonic()->Now() - asked;
  const absl::Time now = absl::Now() - answer.round_trip / 2;
  answer.failure = status.status();
  if (!status.ok()) return answer;
  answer.status = *std::move(status);
  if (answer.status.vitals().has_clock()) {
    answer.clock_ahead = wire::FromProto(answer.status.vitals().clock()) - now;
  }
  if (answer.status.kind() != admin::v1::SERVER_KIND_BALANCER) return answer;
  auto servers = client->ListServers();
  if (absl::IsUnimplemented(servers.status())) {
    answer.servers_unknown = std::string(servers.status().message());
    return answer;
  }
  answer.failure = servers.status();
  if (!servers.ok()) return answer;
  for (admin::v1::FleetServer& server : *servers->mutable_servers()) {
    answer.servers.push_back(std::move(server));
  }
  return answer;
}

}  // namespace msgproc::ctl
