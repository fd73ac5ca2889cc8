#include "services/balancer/balancer_metrics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/balancer/lookup_zone.h"

namespace msgproc::balancer {
namespace {

using base::MetricWriter;
using Kind = RegistryEvent::Kind;

void WriteLookups(const ServerLookup& lookup, MetricWriter* writer) {
  writer
      ->Counter("msgproc_balancer_lookups_total",
                "Look-ups over gRPC and HTTP: a server given, none there, or a "
                "malformed request.")
      .Add({{"result", "ok"}}, static_cast<double>(lookup.found()))
      .Add({{"result", "none"}}, static_cast<double>(lookup.none()))
      .Add({{"result", "invalid"}}, static_cast<double>(lookup.invalid()));
  auto zones = writer->Counter(
      "msgproc_balancer_lookup_zones_total",
      "Look-ups that were given a server, by its zone: the client's own "
      "(same), another (other); none: the client did not say its zone.");
  for (const LookupZone zone :
       {LookupZone::kSame, LookupZone::kOther, LookupZone::kNone}) {
    zones.Add({{"zone", LookupZoneName(zone)}},
              static_cast<double>(lookup.found(zone)));
  }
  writer
      ->Histogram("msgproc_balancer_lookup_duration_seconds",
                  "What picking a server took, the network apart.")
      .Add({}, lookup.seconds());
}

// Jain's fairness index (Jain, Chiu, Hawe 1984) of the sessions by weight: 1
// where all are even, 1/n where one has them all.
double Fairness(const std::vector<ServerStatus>& list) {
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (const ServerStatus& status : list) {
    if (status.state != ServerState::kServing || status.is_static) continue;
    const double load =
        static_cast<double>(status.report.load.sessions) / status.report.weight;
    sum += load;
    squares += load * load;
    ++count;
  }
  return squares == 0 ? 1 : sum * sum / (count * squares);
}

// How far the clock that is worst is off this machine's.
absl::Duration ClockSkew(const std::vector<ServerStatus>& list) {
  absl::Duration skew;
  for (const ServerStatus& status : list) {
    skew = std::max(skew, absl::AbsDuration(
                              status.report.vitals.clock_ahead.value_or(skew)));
  }
  return skew;
}

void WriteServers(const Fleet& fleet, MetricWriter* writer) {
  const std::vector<ServerStatus> list = fleet.List();
  std::array<double, kServerStates> counts = {};
  double sessions = 0;
  for (const ServerStatus& status : list) {
    ++counts[static_cast<size_t>(status.state)];
    sessions += static_cast<double>(status.report.load.sessions);
  }
  auto servers = writer->Gauge("msgproc_balancer_servers",
                               "Servers known. Serving and stale ones are "
                               "handed out.");
  for (size_t i = 0; i < kServerStates; ++i) {
    servers.Add({{"state", StateName(static_cast<ServerState>(i))}}, counts[i]);
  }
  writer
      ->Gauge("msgproc_balancer_sessions",
              "Sessions on all servers, by their last reports.")
      .Add({}, sessions);
  writer
      ->Gauge("msgproc_balancer_session_fairness",
              "Jain's index of the servers' sessions by weight: 1 is even.")
      .Add({}, Fairness(list));
  writer
      ->Gauge("msgproc_balancer_clock_skew_seconds",
              "The most that a registered server's clock is off the "
              "balancer's.")
      .Add({}, absl::ToDoubleSeconds(ClockSkew(list)));
  writer
      ->Gauge("msgproc_balancer_fail_static",
              "1 while servers are handed out that have vanished together.")
      .Add({}, fleet.fail_static() ? 1 : 0);
  writer
      ->Gauge("msgproc_balancer_stores",
              "Stores that registered servers keep their sessions in, memory "
              "being one. More than 1: sessions are lost between them.")
      .Add({}, static_cast<double>(fleet.stores()));
}

void WriteEvents(const Fleet& fleet, MetricWriter* writer) {
  const auto count = [&fleet](Kind kind) {
    return static_cast<double>(fleet.EventCount(kind));
  };
  writer
      ->Counter("msgproc_balancer_registrations_total",
                "Registrations; a server that comes back counts again.")
      .Add({}, count(Kind::kJoined));
  writer
      ->Counter("msgproc_balancer_departures_total",
                "Registrations that ended: with a goodbye, with a broken "
                "stream, or replaced by a newer one of the same server.")
      .Add({{"reason", "goodbye"}}, count(Kind::kLeft))
      .Add({{"reason", "broken"}}, count(Kind::kStreamBroken))
      .Add({{"reason", "replaced"}}, count(Kind::kReplaced));
  writer
      ->Counter("msgproc_balancer_leases_expired_total",
                "Registrations that ended because the server was silent.")
      .Add({}, count(Kind::kLeaseExpired));
  writer
      ->Counter("msgproc_balancer_health_changes_total",
                "Servers found healthy or not by a check from here.")
      .Add({{"to", "healthy"}}, count(Kind::kHealthy))
      .Add({{"to", "unhealthy"}}, count(Kind::kUnhealthy));
  writer
      ->Counter("msgproc_balancer_moves_total",
                "Sessions that servers were told to move elsewhere.")
      .Add({}, static_cast<double>(fleet.moves()));
}

void WriteXds(const AdsService& ads, MetricWriter* writer) {
  writer->Gauge("msgproc_balancer_xds_streams", "xDS clients connected.")
      .Add({}, static_cast<double>(ads.streams()));
  using Count = uint64_t (AdsService::*)(ResourceType) const;
  const auto write = [&](absl::string_view name, absl::string_view help,
                         Count count) {
    MetricWriter::Samples samples = writer->Counter(name, help);
    for (size_t i = 0; i < kResourceTypes; ++i) {
      const auto type = static_cast<ResourceType>(i);
      samples.Add({{"resource", ResourceTypeName(type)}},
                  static_cast<double>((ads.*count)(type)));
    }
  };
  write("msgproc_balancer_xds_responses_total",
        "Resources sent to xDS clients.", &AdsService::responses);
  write("msgproc_balancer_xds_refused_total",
        "Resources that an xDS client could not use (NACK).",
        &AdsService::refused);
}

}  // namespace

std::vector<prometheus::MetricFamily> BalancerMetrics::Collect() const {
  MetricWriter writer;
  WriteServers(lookup_->fleet(), &writer);
  WriteLookups(*lookup_, &writer);
  WriteEvents(lookup_->fleet(), &writer);
  WriteXds(*ads_, &writer);
  writer
      .Counter("msgproc_balancer_registrations_denied_total",
               "Processors turned away that may not register.")
      .Add({}, static_cast<double>(registry_->denied()));
  MetricWriter::Samples rejected = writer.Counter(
      "msgproc_balancer_rejected_total", "Registrations turned away.");
  for (const absl::StatusCode code : RegistryService::kRejectionCodes) {
    rejected.Add({{"reason", RegistryService::RejectionName(code)}},
                 static_cast<double>(registry_->rejected(code)));
  }
  write_connections_(&writer);
  return writer.Take();
}

}  // namespace msgproc::balancer
