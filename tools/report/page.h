#ifndef MSGPROC_TOOLS_REPORT_PAGE_H_
#define MSGPROC_TOOLS_REPORT_PAGE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::report {

// Whether this program can make pages: its build found uPlot where
// tools/report/install puts it. FAILED_PRECONDITION says what to do otherwise.
absl::Status CanMakePages();

// One HTML page that needs no network: a table and charts of runs. `data` is a
// JSON object: {what, runs: [{name, report, usage, events}]}, as page.js says.
// Any thread. Call CanMakePages first.
std::string MakePage(absl::string_view title, absl::string_view data);

}  // namespace msgproc::report

#endif  // MSGPROC_TOOLS_REPORT_PAGE_H_
