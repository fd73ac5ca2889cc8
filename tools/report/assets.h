#ifndef MSGPROC_TOOLS_REPORT_ASSETS_H_
#define MSGPROC_TOOLS_REPORT_ASSETS_H_

#include "absl/strings/string_view.h"

// Files that the build put into the program. uPlot's are empty when they were
// not installed.
namespace msgproc::report::assets {

extern const absl::string_view kPage;
extern const absl::string_view kStyle;
extern const absl::string_view kCharts;
extern const absl::string_view kScript;
extern const absl::string_view kUplotScript;
extern const absl::string_view kUplotStyle;
extern const absl::string_view kUplotLicence;

}  // namespace msgproc::report::assets

#endif  // MSGPROC_TOOLS_REPORT_ASSETS_H_
