#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_JSON_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_JSON_H_

#include <string>

#include "tools/loadgen/report/report.h"

namespace msgproc::loadgen {

// The report for programs, a JSON object that ends with a newline. Its
// top-level names are a contract (docs/design.md): messages, answered, lost,
// duplicated, failed, seconds, messages_per_second, latency_us {p50, p90, p99,
// p999, p9999, max, mean}, interruptions {count, longest_ms}, servers (by
// server_id: address, messages, streams), run (what was run). Beside them:
// verdict and findings (in words), unsent, wrong, out_of_order, errors, warmup,
// generator (open loop), objectives, fairness, percentiles, time_series,
// exit_code.
std::string JsonReport(const Report& report);

// What report::MakePage takes.
std::string JsonForPage(const Report& report);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_JSON_H_
