#include "services/balancer/live/fleet_live.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "services/balancer/fleet.h"
#include "services/balancer/live/fleet_page.h"
#include "services/balancer/policy_kind.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {
namespace {

uint64_t Lookups(const ServerLookup& lookup) {
  return lookup.found() + lookup.none() + lookup.invalid();
}

}  // namespace

FleetLive::FleetLive(Sources sources)
    : sources_(std::move(sources)),
      begun_(Clock::Monotonic()->Now()),
      read_at_(begun_) {}

base::LiveFeed::Options FleetLive::FeedOptions() {
  return {.figures = FleetFigures(),
          .interval = absl::Seconds(2),
          .samples = 150,
          // As many as the page shows, and some that came and went.
          .subjects = 2 * kMostShown};
}

base::MetricHistory::Sample FleetLive::Read() {
  const Fleet& fleet = sources_.lookup->fleet();
  const absl::Time now = Clock::Monotonic()->Now();
  const double seconds =
      std::max(1e-3, absl::ToDoubleSeconds(now - std::exchange(read_at_, now)));
  const auto rate = [seconds](uint64_t count, uint64_t* before) {
    return static_cast<double>(count - std::exchange(*before, count)) / seconds;
  };
  const FleetRates rates = {
      .lookups_per_second = rate(Lookups(*sources_.lookup), &lookups_),
      .moves_per_second = rate(fleet.moves(), &moves_)};
  return FleetSample(fleet.List(), rates);
}

void FleetLive::WriteFacts(base::JsonWriter* json) const {
  const Fleet& fleet = sources_.lookup->fleet();
  const v1::Vitals vitals = sources_.vitals->Read();
  json->Text("kind", "balancer")
      .Text("address", sources_.address)
      .Text("version", vitals.version())
      .Number("uptime_seconds",
              absl::ToDoubleSeconds(Clock::Monotonic()->Now() - begun_))
      .Text("why_not_serving", vitals.why_not_serving())
      .Text("policy", PolicyName(fleet.policy()))
      .Flag("fail_static", fleet.fail_static())
      .Number("stores", uint64_t{fleet.stores()})
      .Number("moves", fleet.moves())
      .Number("lookups_ok", sources_.lookup->found())
      .Number("lookups_none", sources_.lookup->none())
      .Number("lookups_invalid", sources_.lookup->invalid());
  std::vector<ServerStatus> all = fleet.List();
  ServerCounts counts = {};
  uint64_t streams = 0;
  for (const ServerStatus& status : all) {
    ++counts[static_cast<size_t>(status.state)];
    streams += status.report.load.sessions;
  }
  json->Number("streams", streams).Number("known", uint64_t{all.size()});
  json->BeginObject("states");
  for (size_t i = 0; i < kServerStates; ++i) {
    json->Number(StateName(static_cast<ServerState>(i)), uint64_t{counts[i]});
  }
  json->End();
  WriteServers(ToShow(std::move(all)), json);
  WriteEvents(sources_.events->List(), Clock::Monotonic()->Now(), json);
}

}  // namespace msgproc::balancer
