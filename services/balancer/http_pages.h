#ifndef MSGPROC_SERVICES_BALANCER_HTTP_PAGES_H_
#define MSGPROC_SERVICES_BALANCER_HTTP_PAGES_H_

#include "services/balancer/server_lookup.h"
#include "services/base/http_server.h"

namespace msgproc::balancer {

// The look-up over HTTP, for clients that speak no gRPC, and pages for people.
// All answers are JSON, errors too: {"error": "what was wrong"}.
//
//   GET /get-server?affinity_key=KEY&exclude=ADDRESS&exclude=ADDRESS
//     200 {"server_id", "address", "alternatives": [{"server_id", "address"}]}
//     503 there is no server; 400 a parameter is over its bound or unknown
//   GET /list
//     200 {"servers": [{"server_id", "address", "state", "weight", "sessions",
//          "messages_per_second", "utilization", "report_age_seconds",
//          "static"}], "policy", "fail_static"}
//   GET /health
//     200 {"status": "ok", "servers": {"serving": N, …}, "fail_static"}
//   anything else
//     400
//
// `exclude` may also hold several addresses, separated by commas. `lookup`
// outlives the handlers.
base::HttpHandlers LookupPages(ServerLookup* lookup);

// 403: look-ups need credentials, and there is no way to show them here.
base::HttpResponse ClosedPage(const base::HttpRequest& request);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_HTTP_PAGES_H_
