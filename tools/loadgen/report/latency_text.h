#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_LATENCY_TEXT_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_LATENCY_TEXT_H_

#include <string>

#include "tools/loadgen/stats/histogram.h"

namespace msgproc::loadgen {

// Ten bars whose bounds grow by the same factor, so that a long tail does not
// press everything else into one bar. `latency` is not empty.
std::string LatencyBars(const Histogram& latency);

// The 10th to the 99.99th percentile, a line each.
std::string LatencyPercentiles(const Histogram& latency);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_LATENCY_TEXT_H_
