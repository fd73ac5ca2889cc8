#include "services/balancer/live/fleet_page.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace msgproc::balancer {
namespace {

using base::JsonWriter;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

int Calmness(ServerState state) {
  switch (state) {
    case ServerState::kUnhealthy:
      return 0;
    case ServerState::kStale:
      return 1;
    case ServerState::kDraining:
      return 2;
    case ServerState::kServing:
      break;
  }
  return 3;
}

double Seconds(const std::optional<absl::Duration>& latency) {
  return latency.has_value() ? absl::ToDoubleSeconds(*latency) : kUnknown;
}

void WriteSeconds(absl::string_view key,
                  const std::optional<absl::Duration>& seconds,
                  JsonWriter* json) {
  if (seconds.has_value()) {
    json->Number(key, absl::ToDoubleSeconds(*seconds));
  }
}

void WriteVitals(const ServerVitals& vitals, JsonWriter* json) {
  WriteSeconds("latency_p50", vitals.latency_p50, json);
  WriteSeconds("latency_p99", vitals.latency_p99, json);
  WriteSeconds("clock_ahead_seconds", vitals.clock_ahead, json);
  json->Text("version", vitals.version)
      .Text("why_not_serving", vitals.why_not_serving)
      .Number("workers", uint64_t{vitals.workers})
      .Number("workers_serving", uint64_t{vitals.workers_serving})
      .Number("worker_deaths", vitals.worker_deaths);
  if (vitals.resident_bytes != 0) {
    json->Number("memory", vitals.resident_bytes);
  }
}

}  // namespace

std::vector<ServerStatus> ToShow(std::vector<ServerStatus> all) {
  const auto place = [](const ServerStatus& status) {
    return std::make_pair(Calmness(status.state),
                          absl::string_view(status.report.server_id));
  };
  std::sort(all.begin(), all.end(),
            [&place](const ServerStatus& a, const ServerStatus& b) {
              return place(a) < place(b);
            });
  all.resize(std::min(all.size(), kMostShown));
  return all;
}

std::vector<std::string> FleetFigures() {
  return {"streams", "messages_per_second", "latency_p99",     "cpu",
          "serving", "lookups_per_second",  "moves_per_second"};
}

base::MetricHistory::Sample FleetSample(const std::vector<ServerStatus>& all,
                                        const FleetRates& rates) {
  base::MetricHistory::Sample sample;
  double streams = 0;
  double messages = 0;
  double latency = kUnknown;
  double cpu = kUnknown;
  double serving = 0;
  for (const ServerStatus& status : all) {
    const ServerLoad& load = status.report.load;
    const double p99 = Seconds(status.report.vitals.latency_p99);
    const bool serves = status.state == ServerState::kServing;
    streams += static_cast<double>(load.sessions);
    messages += load.messages_per_second;
    // What is known is worse than nothing.
    latency = std::fmax(latency, p99);
    cpu = std::fmax(cpu, load.utilization);
    serving += serves ? 1 : 0;
    sample[status.report.server_id] = {static_cast<double>(load.sessions),
                                       load.messages_per_second,
                                       p99,
                                       load.utilization,
                                       serves ? 1.0 : 0.0,
                                       kUnknown,
                                       kUnknown};
  }
  sample[""] = {streams,
                messages,
                latency,
                cpu,
                serving,
                rates.lookups_per_second,
                rates.moves_per_second};
  return sample;
}

void WriteServers(const std::vector<ServerStatus>& servers, JsonWriter* json) {
  json->BeginArray("servers");
  for (const ServerStatus& status : servers) {
    const ServerReport& report = status.report;
    json->BeginObject()
        .Text("server_id", report.server_id)
        .Text("address", report.address)
        .Text("state", report.cordoned ? "cordoned" : StateName(status.state))
        .Flag("static", status.is_static)
        .Number("weight", report.weight)
        .Number("streams", report.load.sessions)
        .Number("messages_per_second", report.load.messages_per_second)
        .Number("cpu", report.load.utilization)
        .Text("store", report.store_generation);
    if (status.report_age < absl::InfiniteDuration()) {
      json->Number("report_age_seconds",
                   absl::ToDoubleSeconds(status.report_age));
    }
    WriteVitals(report.vitals, json);
    json->End();
  }
  json->End();
}

void WriteEvents(const std::deque<RecentEvents::Event>& events, absl::Time now,
                 JsonWriter* json) {
  json->BeginArray("events");
  for (const RecentEvents::Event& event : events) {
    json->BeginObject()
        .Number("age_seconds", absl::ToDoubleSeconds(now - event.at))
        .Text("server_id", event.server_id);
    if (event.text.empty()) {
      json->Text("to_server_id", event.to_server_id)
          .Number("sessions", event.sessions);
    } else {
      json->Text("text", event.text).Flag("bad", event.bad);
    }
    json->End();
  }
  json->End();
}

}  // namespace msgproc::balancer
