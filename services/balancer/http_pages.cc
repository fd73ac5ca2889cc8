#include "services/balancer/http_pages.h"

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/locality.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/balancer/policy_kind.h"
#include "services/base/log.h"
#include "wire/proto_locality.h"

namespace msgproc::balancer {
namespace {

using base::HttpRequest;
using base::HttpResponse;

HttpResponse Json(int code, std::string body) {
  body += '\n';
  return {code, "application/json", std::move(body)};
}

HttpResponse Error(int code, absl::string_view what) {
  std::string body = "{\"error\":";
  base::AppendJsonString(what, &body);
  return Json(code, body + "}");
}

void AppendServer(const v1::Server& server, std::string* json) {
  absl::StrAppend(json, "\"server_id\":");
  base::AppendJsonString(server.server_id(), json);
  absl::StrAppend(json, ",\"address\":");
  base::AppendJsonString(server.address(), json);
}

// INVALID_ARGUMENT for a parameter that there is not: a typing mistake in
// `exclude` should not pass as a look-up that excludes nothing.
absl::Status ReadQuery(const HttpRequest& request,
                       v1::GetServerRequest* lookup) {
  for (const auto& [name, value] : request.query) {
    if (name == "affinity_key") {
      lookup->set_affinity_key(value);
    } else if (name == "exclude") {
      for (const absl::string_view address :
           absl::StrSplit(value, ',', absl::SkipEmpty())) {
        lookup->add_exclude(std::string(address));
      }
    } else if (name == "locality") {
      const auto locality = ParseLocality(value);
      if (!locality.ok()) return locality.status();
      *lookup->mutable_locality() = wire::ToProto(*locality);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown parameter \"", name,
                       "\"; there are affinity_key, exclude and locality"));
    }
  }
  return absl::OkStatus();
}

HttpResponse GetServerPage(ServerLookup* lookup, const HttpRequest& http) {
  v1::GetServerRequest request;
  v1::GetServerResponse response;
  absl::Status status = ReadQuery(http, &request);
  if (status.ok()) status = lookup->GetServer(request, &response);
  if (absl::IsUnavailable(status)) return Error(503, status.message());
  if (!status.ok()) return Error(400, status.message());
  std::string json = "{";
  AppendServer(response.server(), &json);
  json += ",\"alternatives\":[";
  for (const v1::Server& server : response.alternatives()) {
    if (json.back() != '[') json += ',';
    json += '{';
    AppendServer(server, &json);
    json += '}';
  }
  return Json(200, json + "]}");
}

void AppendStatus(const ServerStatus& status, std::string* json) {
  const ServerReport& report = status.report;
  absl::StrAppend(json, "{\"server_id\":");
  base::AppendJsonString(report.server_id, json);
  absl::StrAppend(json, ",\"address\":");
  base::AppendJsonString(report.address, json);
  absl::StrAppend(json, R"(,"state":")", StateName(status.state),
                  R"(","weight":)", report.weight,
                  ",\"sessions\":", report.load.sessions,
                  ",\"messages_per_second\":", report.load.messages_per_second,
                  ",\"utilization\":", report.load.utilization);
  absl::StrAppend(json, ",\"report_age_seconds\":");
  if (status.report_age < absl::InfiniteDuration()) {
    absl::StrAppend(json, absl::ToDoubleSeconds(status.report_age));
  } else {
    absl::StrAppend(json, "null");
  }
  absl::StrAppend(json, ",\"static\":", status.is_static ? "true" : "false",
                  ",\"store_generation\":");
  base::AppendJsonString(report.store_generation, json);
  absl::StrAppend(json, ",\"locality\":");
  base::AppendJsonString(FormatLocality(report.locality), json);
  *json += '}';
}

// What an operator should know of the fleet as a whole.
std::string Concerns(const Fleet& fleet) {
  return absl::StrCat(
      "\"fail_static\":", fleet.fail_static() ? "true" : "false",
      ",\"stores\":", fleet.stores());
}

HttpResponse ListPage(const Fleet& fleet) {
  std::string json = "{\"servers\":[";
  for (const ServerStatus& status : fleet.List()) {
    if (json.back() != '[') json += ',';
    AppendStatus(status, &json);
  }
  absl::StrAppend(&json, R"(],"policy":")", PolicyName(fleet.policy()), "\",",
                  Concerns(fleet), "}");
  return Json(200, json);
}

HttpResponse HealthPage(const Fleet& fleet) {
  const ServerCounts counts = fleet.counts();
  const size_t serving = counts[static_cast<size_t>(ServerState::kServing)];
  std::string json =
      absl::StrCat(R"({"status":")", serving == 0 ? "degraded" : "ok",
                   R"(","serving":)", serving, R"(,"servers":{)");
  for (size_t i = 0; i < kServerStates; ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", "\"",
                    StateName(static_cast<ServerState>(i)), "\":", counts[i]);
  }
  absl::StrAppend(&json, "},", Concerns(fleet), "}");
  return Json(200, json);
}

}  // namespace

base::HttpHandlers LookupPages(ServerLookup* lookup) {
  base::HttpHandlers pages;
  pages["/get-server"] = [lookup](const HttpRequest& request) {
    return GetServerPage(lookup, request);
  };
  pages["/list"] = [lookup](const HttpRequest&) {
    return ListPage(lookup->fleet());
  };
  pages["/health"] = [lookup](const HttpRequest&) {
    return HealthPage(lookup->fleet());
  };
  pages[base::kAnythingElse] = [](const HttpRequest& request) {
    return Error(
        400,
        absl::StrCat(
            "there is no ", request.method, " ", request.path,
            "; there are GET /get-server?affinity_key=…&exclude="
            "…&locality=…, /list, /health, /metrics, /healthz, /readyz and, "
            "for people, /"));
  };
  return pages;
}

base::HttpResponse ClosedPage(const base::HttpRequest& /*request*/) {
  return Error(403,
               "this balancer answers only those who show who they are, which "
               "takes gRPC: ask GetServer (--authenticate_lookups)");
}

}  // namespace msgproc::balancer
