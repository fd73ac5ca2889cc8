#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_VERDICT_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_VERDICT_H_

#include <string>
#include <vector>

#include "tools/loadgen/report/report.h"

namespace msgproc::loadgen {

// What a run comes to, in the words that the text, the JSON and the page share.
struct Verdict {
  // "OK", "FAILED", "BEHIND" or "SLO MISSED": what the exit code says.
  std::string word;
  // All that is wrong, the worst first, a sentence each; what else one must
  // know of the run comes last. Never empty.
  std::vector<std::string> findings;
};

Verdict Judge(const Report& report);

// The load in a line: "closed loop, 1 connection x 1 stream, window 1,024,
// 64-byte payloads".
std::string DescribeLoad(const Plan& plan);

// An objective's figure with its unit: "5.12 ms", "398.00/s", "4".
std::string FormatFigure(const ObjectiveResult& result);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_VERDICT_H_
