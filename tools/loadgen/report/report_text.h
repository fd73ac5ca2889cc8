#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_TEXT_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_TEXT_H_

#include <string>

#include "tools/loadgen/report/report.h"

namespace msgproc::loadgen {

// The report for a terminal, laid out like ghz's.
std::string TextReport(const Report& report);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_TEXT_H_
