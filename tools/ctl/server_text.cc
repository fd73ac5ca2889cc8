#include "tools/ctl/server_text.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/ctl/text.h"
#include "wire/proto_duration.h"

namespace msgproc::ctl {
namespace {

using Lines = std::vector<std::vector<std::string>>;

std::string Welcome(const admin::v1::GetStatusResponse& status) {
  if (!status.why_not_serving().empty()) {
    return absl::StrCat("not welcome: ", Shown(status.why_not_serving()));
  }
  if (status.cordoned()) {
    return "cordoned: balancers send nobody here; who comes is served";
  }
  return "welcome";
}

void AppendFleet(const admin::v1::FleetStatus& fleet, Lines* lines) {
  lines->push_back(
      {"servers", absl::StrCat(fleet.serving(), " serving, ", fleet.draining(),
                               " draining or cordoned, ", fleet.unhealthy(),
                               " unhealthy, ", fleet.stale(), " stale")});
  lines->push_back({"policy", Shown(fleet.policy())});
  lines->push_back({"sessions moved", absl::StrCat(fleet.moves())});
  if (fleet.fail_static()) {
    lines->push_back({"fail static", "servers that vanished are handed out"});
  }
  if (fleet.stores() > 1) {
    lines->push_back(
        {"stores",
         absl::StrCat(fleet.stores(), ": sessions are lost between servers")});
  }
}

void AppendSessions(const admin::v1::GetStatusResponse& status, Lines* lines) {
  lines->push_back({"streams", absl::StrCat(status.streams())});
  lines->push_back(
      {"sessions", absl::StrCat(status.sessions_attached(), " attached, ",
                                status.sessions_detached(), " detached")});
  lines->push_back({"messages", absl::StrCat(status.messages())});
  lines->push_back(
      {"memory", status.memory_budget() == 0
                     ? Bytes(status.memory_held())
                     : absl::StrCat(Bytes(status.memory_held()), " of ",
                                    Bytes(status.memory_budget()))});
  lines->push_back({"sessions are kept",
                    status.store_generation().empty()
                        ? "in memory"
                        : absl::StrCat("in the store of generation ",
                                       Shown(status.store_generation()))});
  if (status.balancers() == 0) return;
  lines->push_back({"balancers", absl::StrCat("registered with ",
                                              status.balancers_registered(),
                                              " of ", status.balancers())});
}

}  // namespace

std::string StateName(const v1::ServerStatus& status) {
  switch (status.state()) {
    case v1::SERVER_STATE_SERVING:
      return "serving";
    case v1::SERVER_STATE_DRAINING:
      return status.cordoned() ? "cordoned" : "draining";
    case v1::SERVER_STATE_UNHEALTHY:
      return "unhealthy";
    case v1::SERVER_STATE_STALE:
      return "stale";
    default:
      return "-";
  }
}

std::string StatusText(const admin::v1::GetStatusResponse& status) {
  const bool balancer = status.kind() == admin::v1::SERVER_KIND_BALANCER;
  Lines lines = {
      {"server", balancer ? "a balancer" : Shown(status.server_id())},
      {"version", Shown(status.version())},
      {"address", Shown(status.address())},
      {"up for", Length(wire::FromProto(status.uptime()))},
      {balancer ? "look-ups" : "new streams", Welcome(status)}};
  if (balancer) {
    AppendFleet(status.fleet(), &lines);
  } else {
    AppendSessions(status, &lines);
  }
  return Table(lines, {});
}

std::string ServerLines(const admin::v1::ListServersResponse& servers) {
  Lines lines = {{"SERVER", "ADDRESS", "STATE", "SOCKETS", "/S", "CPU",
                  "WEIGHT", "REPORTED", "VERSION", "STORE"}};
  for (const admin::v1::FleetServer& server : servers.servers()) {
    const v1::ServerStatus& status = server.status();
    lines.push_back(
        {Shown(status.server().server_id()), Shown(status.server().address()),
         StateName(status),
         Count(static_cast<double>(status.load().sessions())),
         Count(status.load().messages_per_second()),
         absl::StrFormat("%.0f%%", 100 * status.load().utilization()),
         absl::StrFormat("%g", status.weight()),
         status.has_report_age()
             ? absl::StrCat(Length(wire::FromProto(status.report_age())),
                            " ago")
             : "never",
         OrDash(server.vitals().version()),
         status.store_generation().empty() ? "memory"
                                           : Shown(status.store_generation())});
  }
  return Table(lines, {3, 4, 5, 6, 7});
}

std::string CordonText(bool cordoned,
                       const admin::v1::SetCordonResponse& done) {
  std::string text = cordoned ? "cordoned" : "uncordoned";
  if (done.before() == cordoned) {
    text = cordoned ? "it was cordoned already" : "it was not cordoned";
  }
  if (done.balancers() == 0) {
    absl::StrAppend(&text,
                    "; it registers with no balancer, and clients find it as "
                    "before");
  } else if (done.balancers_registered() < done.balancers()) {
    absl::StrAppend(&text, "; it is registered with ",
                    done.balancers_registered(), " of ", done.balancers(),
                    " balancers, and the others hear of it when it is");
  }
  return absl::StrCat(text, "\n");
}

}  // namespace msgproc::ctl
