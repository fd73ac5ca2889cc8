#include "tools/ctl/findings.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/base/log.h"
#include "tools/ctl/text.h"
#include "wire/proto_duration.h"
#include "wire/proto_time.h"

namespace msgproc::ctl {
namespace {

// What is known of one server, from itself or from a balancer.
struct Facts {
  v1::Vitals vitals;
  bool has_vitals = false;
  // By whose clock its certificates are judged: its own, else its balancer's.
  absl::Time now;
  std::optional<absl::Duration> clock_ahead;
  absl::Duration clock_error;
  // Whether it keeps sessions, and in which store; empty: in memory.
  bool keeps_sessions = false;
  std::string store;
};
using FactsByName = std::map<std::string, Facts>;

class Judgement {
 public:
  void Add(Severity severity, absl::string_view kind, absl::string_view server,
           std::string text) {
    // Two balancers say the same of one server.
    if (!seen_.emplace(kind, server).second) return;
    findings_.push_back(
        {severity, std::string(kind), std::string(server), std::move(text)});
  }

  std::vector<Finding> Take() {
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) {
                       return a.severity > b.severity;
                     });
    return std::move(findings_);
  }

 private:
  std::set<std::pair<std::string, std::string>> seen_;
  std::vector<Finding> findings_;
};

void JudgeDescriptors(const std::string& name, const Facts& facts,
                      Judgement* judgement) {
  const v1::Vitals& vitals = facts.vitals;
  if (vitals.descriptors() == 0 || vitals.descriptor_limit() == 0) return;
  const double used = static_cast<double>(vitals.descriptors()) /
                      static_cast<double>(vitals.descriptor_limit());
  if (used < kManyDescriptors) return;
  judgement->Add(
      used < kNearlyAllDescriptors ? Severity::kWarning : Severity::kCritical,
      "descriptors", name,
      absl::StrFormat(
          "has %d of %d file descriptors open (%.0f%%), and refuses "
          "connections without any: raise LimitNOFILE (ulimit -Hn), "
          "or send sockets elsewhere",
          vitals.descriptors(), vitals.descriptor_limit(), 100 * used));
}

void JudgeCertificates(const std::string& name, const Facts& facts,
                       Judgement* judgement) {
  if (!facts.vitals.has_certificates_expire()) return;
  const absl::Duration left =
      wire::FromProto(facts.vitals.certificates_expire()) - facts.now;
  if (left >= kExpiresSoon) return;
  if (left <= absl::ZeroDuration()) {
    judgement->Add(
        Severity::kCritical, "certificate", name,
        absl::StrCat("uses a certificate that expired ", Length(-left),
                     " ago: write a new one over it, it is taken anew"));
    return;
  }
  judgement->Add(
      left < kExpiresAtOnce ? Severity::kCritical : Severity::kWarning,
      "certificate", name,
      absl::StrCat("uses a certificate that expires in ", Length(left),
                   ": write a new one over it, it is taken anew"));
}

void JudgeClock(const std::string& name, const Facts& facts,
                Judgement* judgement) {
  if (!facts.clock_ahead.has_value()) return;
  const absl::Duration ahead = *facts.clock_ahead;
  if (absl::AbsDuration(ahead) <= kClockTolerance + facts.clock_error) return;
  judgement->Add(
      Severity::kWarning, "clock", name,
      absl::StrCat("has a clock that is ", Length(absl::AbsDuration(ahead)),
                   ahead > absl::ZeroDuration() ? " ahead" : " behind",
                   ", by which tokens and certificates are judged: "
                   "have it set by NTP"));
}

void JudgeServer(const std::string& name, const Facts& facts,
                 Judgement* judgement) {
  if (!facts.has_vitals) {
    judgement->Add(Severity::kNote, "silent", name,
                   "says nothing of itself: it is of an older release, or does "
                   "not register");
    return;
  }
  if (!facts.vitals.why_not_serving().empty()) {
    judgement->Add(Severity::kCritical, "not_serving", name,
                   absl::StrCat("does not want new clients: ",
                                Shown(facts.vitals.why_not_serving())));
  }
  JudgeDescriptors(name, facts, judgement);
  JudgeCertificates(name, facts, judgement);
  JudgeClock(name, facts, judgement);
}

constexpr size_t kMostNames = 3;

// Who is on which side, where there is more than one: "0.9 (a, b) and 1.0 (c)".
std::string Sides(
    const std::map<std::string, std::vector<std::string>>& sides) {
  return absl::StrJoin(sides, " and ", [](std::string* out, const auto& side) {
    const std::vector<std::string>& names = side.second;
    const size_t shown = std::min(names.size(), kMostNames);
    absl::StrAppend(out, Shown(side.first), " (",
                    absl::StrJoin(names.begin(), names.begin() + shown, ", "));
    if (names.size() > shown) {
      absl::StrAppend(out, " and ", names.size() - shown, " more");
    }
    absl::StrAppend(out, ")");
  });
}

void JudgeDifferences(const FactsByName& all, Judgement* judgement) {
  std::map<std::string, std::vector<std::string>> stores;
  std::map<std::string, std::vector<std::string>> versions;
  for (const auto& [name, facts] : all) {
    if (facts.keeps_sessions) {
      stores[facts.store.empty() ? "memory" : facts.store].push_back(name);
    }
    if (facts.has_vitals) versions[facts.vitals.version()].push_back(name);
  }
  if (stores.size() > 1) {
    judgement->Add(
        Severity::kCritical, "stores", "",
        absl::StrCat("sessions are kept in different stores, and "
                     "are lost between them: ",
                     Sides(stores), "; give all the same --session_store"));
  }
  if (versions.size() > 1) {
    judgement->Add(Severity::kWarning, "versions", "",
                   absl::StrCat("releases are mixed: ", Sides(versions),
                                "; go on with the upgrade"));
  }
}

// Of the servers that one balancer sends clients to.
void JudgeEvenness(const std::vector<admin::v1::FleetServer>& servers,
                   Judgement* judgement) {
  double sockets = 0;
  double weight = 0;
  const auto counts = [](const admin::v1::FleetServer& server) {
    return server.status().state() == v1::SERVER_STATE_SERVING &&
           !server.status().static_() && server.status().weight() > 0;
  };
  for (const admin::v1::FleetServer& server : servers) {
    if (!counts(server)) continue;
    sockets += static_cast<double>(server.status().load().sessions());
    weight += server.status().weight();
  }
  for (const admin::v1::FleetServer& server : servers) {
    if (!counts(server)) continue;
    const double share = sockets * server.status().weight() / weight;
    const auto has = static_cast<double>(server.status().load().sessions());
    const double off = std::max(has - share, share - has);
    if (off <= kUnevenSockets || off <= kUnevenShare * share) continue;
    judgement->Add(
        Severity::kWarning, "uneven", server.status().server().server_id(),
        absl::StrFormat("has %.0f sockets, and its share is %.0f: unless it "
                        "has just come, see --moves_per_second of the balancer",
                        has, share));
  }
}

void JudgeState(const std::string& balancer,
                const admin::v1::FleetServer& server, Judgement* judgement) {
  const v1::ServerStatus& status = server.status();
  const std::string& name = status.server().server_id();
  switch (status.state()) {
    case v1::SERVER_STATE_UNHEALTHY:
      judgement->Add(
          Severity::kCritical, "unreachable", name,
          absl::StrCat("does not answer the health check of the balancer at ",
                       balancer, ": does it run, is ",
                       Shown(status.server().address()),
                       " where it can be reached, and does a firewall let the "
                       "balancer through?"));
      break;
    case v1::SERVER_STATE_STALE:
      judgement->Add(Severity::kCritical, "stale", name,
                     "vanished together with most of the fleet and is handed "
                     "out all the same: is it there?");
      break;
    case v1::SERVER_STATE_DRAINING:
      judgement->Add(Severity::kNote,
                     status.cordoned() ? "cordoned" : "draining", name,
                     status.cordoned()
                         ? "is cordoned: nobody is sent there until `msgproc "
                           "uncordon`"
                         : "drains: it is about to end");
      break;
    default:
      break;
  }
}

void JudgeFleet(const Answer& answer, Judgement* judgement) {
  const admin::v1::FleetStatus& fleet = answer.status.fleet();
  if (fleet.serving() + fleet.stale() == 0) {
    judgement->Add(Severity::kCritical, "no_server", answer.server,
                   "has no server to send clients to");
  }
  if (fleet.fail_static()) {
    judgement->Add(Severity::kCritical, "fail_static", answer.server,
                   "has lost most of its fleet at once, and hands the last "
                   "list out: can processors reach this balancer?");
  }
  if (!answer.servers_unknown.empty()) {
    judgement->Add(Severity::kNote, "too_old", answer.server,
                   absl::StrCat("nothing is known of each of its servers: ",
                                answer.servers_unknown));
  }
  for (const admin::v1::FleetServer& server : answer.servers) {
    JudgeState(Shown(answer.server), server, judgement);
  }
  JudgeEvenness(answer.servers, judgement);
}

// What a processor says that nobody else knows.
void JudgeProcessor(const std::string& name,
                    const admin::v1::GetStatusResponse& status,
                    Judgement* judgement) {
  if (status.balancers_registered() < status.balancers()) {
    judgement->Add(
        Severity::kWarning, "registration", name,
        absl::StrCat("is registered with ", status.balancers_registered(),
                     " of ", status.balancers(),
                     " balancers: its log says why (\"not registered\")"));
  }
  if (status.cordoned()) {
    judgement->Add(Severity::kNote, "cordoned", name,
                   "is cordoned: nobody is sent there until `msgproc "
                   "uncordon`");
  }
}

// A server itself knows better than its balancer.
void Collect(const Answer& answer, FactsByName* all) {
  const absl::Time now = wire::FromProto(answer.status.vitals().clock());
  const bool balancer = answer.status.kind() == admin::v1::SERVER_KIND_BALANCER;
  Facts& own = (*all)[balancer ? answer.server : answer.status.server_id()];
  own.vitals = answer.status.vitals();
  own.has_vitals = answer.status.has_vitals();
  own.now = now;
  own.clock_ahead = answer.clock_ahead;
  own.clock_error = answer.round_trip / 2;
  own.keeps_sessions = !balancer;
  own.store = answer.status.store_generation();
  for (const admin::v1::FleetServer& server : answer.servers) {
    Facts facts;
    facts.vitals = server.vitals();
    facts.has_vitals = server.has_vitals();
    facts.now = now;
    if (server.has_clock_ahead()) {
      facts.clock_ahead = wire::FromProto(server.clock_ahead());
    }
    facts.keeps_sessions = !server.status().static_();
    facts.store = server.status().store_generation();
    all->emplace(server.status().server().server_id(), std::move(facts));
  }
}

}  // namespace

std::vector<Finding> Judge(const std::vector<Answer>& answers) {
  Judgement judgement;
  FactsByName all;
  // Those who speak for themselves first.
  for (const bool balancers : {false, true}) {
    for (const Answer& answer : answers) {
      if (answer.failure.ok() &&
          balancers ==
              (answer.status.kind() == admin::v1::SERVER_KIND_BALANCER)) {
        Collect(answer, &all);
      }
    }
  }
  for (const Answer& answer : answers) {
    if (absl::IsUnimplemented(answer.failure)) {
      judgement.Add(
          Severity::kWarning, "too_old", answer.server,
          absl::StrCat("nothing is known of it: ", answer.failure.message()));
    } else if (!answer.failure.ok()) {
      judgement.Add(Severity::kCritical, "no_answer", answer.server,
                    std::string(answer.failure.message()));
    } else if (answer.status.kind() == admin::v1::SERVER_KIND_BALANCER) {
      JudgeFleet(answer, &judgement);
    } else {
      JudgeProcessor(answer.status.server_id(), answer.status, &judgement);
    }
  }
  for (const auto& [name, facts] : all) JudgeServer(name, facts, &judgement);
  JudgeDifferences(all, &judgement);
  return judgement.Take();
}

Severity WorstOf(const std::vector<Finding>& findings) {
  Severity worst = Severity::kNote;
  for (const Finding& finding : findings) {
    worst = std::max(worst, finding.severity);
  }
  return worst;
}

absl::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kCritical:
      return "critical";
  }
  return "";
}

std::string FindingLines(const std::vector<Finding>& findings) {
  std::string lines;
  for (const Finding& finding : findings) {
    absl::StrAppend(
        &lines, absl::AsciiStrToUpper(SeverityName(finding.severity)), "  ",
        finding.server.empty() ? "" : absl::StrCat(Shown(finding.server), " "),
        Shown(finding.text), "\n");
  }
  if (WorstOf(findings) == Severity::kNote) {
    absl::StrAppend(&lines, "OK  nothing is wrong\n");
  }
  return lines;
}

std::string FindingsJson(const std::vector<Finding>& findings) {
  const Severity worst = WorstOf(findings);
  std::string json = absl::StrCat(
      R"({"worst":")", worst == Severity::kNote ? "ok" : SeverityName(worst),
      R"(","findings":[)");
  for (const Finding& finding : findings) {
    absl::StrAppend(&json, json.back() == '[' ? "" : ",", R"({"severity":")",
                    SeverityName(finding.severity), R"(","kind":")",
                    finding.kind, R"(","server":)");
    base::AppendJsonString(finding.server, &json);
    absl::StrAppend(&json, ",\"text\":");
    base::AppendJsonString(finding.text, &json);
    absl::StrAppend(&json, "}");
  }
  return absl::StrCat(json, "]}\n");
}

}  // namespace msgproc::ctl
