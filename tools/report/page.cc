#include "tools/report/page.h"

#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "tools/report/assets.h"

namespace msgproc::report {
namespace {

// So that no text in the JSON can end the script element that holds it.
std::string SafeInScript(absl::string_view json) {
  return absl::StrReplaceAll(json, {{"<", "\\u003c"}});
}

std::string SafeInHtml(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}});
}

}  // namespace

absl::Status CanMakePages() {
  if (!assets::kUplotScript.empty() && !assets::kUplotStyle.empty()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "This build cannot draw charts, because uPlot was not there. Run "
      "tools/report/install, then build again.");
}

std::string MakePage(absl::string_view title, absl::string_view data) {
  // One pass: nothing that is put in is looked at again.
  return absl::StrReplaceAll(assets::kPage,
                             {{"@TITLE@", SafeInHtml(title)},
                              {"@UPLOT_LICENCE@", assets::kUplotLicence},
                              {"@UPLOT_CSS@", assets::kUplotStyle},
                              {"@PAGE_CSS@", assets::kStyle},
                              {"@DATA@", SafeInScript(data)},
                              {"@UPLOT_JS@", assets::kUplotScript},
                              {"@CHARTS_JS@", assets::kCharts},
                              {"@PAGE_JS@", assets::kScript}});
}

}  // namespace msgproc::report
