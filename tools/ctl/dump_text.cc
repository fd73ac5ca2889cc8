#include "tools/ctl/dump_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/ctl/text.h"

namespace msgproc::ctl {

std::string DumpLines(const admin::v1::DumpStateResponse& dump) {
  std::string text;
  for (const admin::v1::StateMachine& machine : dump.machines()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", Shown(machine.name()),
                    "\n");
    std::vector<std::vector<std::string>> lines;
    for (const admin::v1::StateField& field : machine.fields()) {
      lines.push_back(
          {absl::StrCat("  ", Shown(field.name())), OrDash(field.value())});
    }
    absl::StrAppend(&text, Table(lines, {}));
  }
  return text;
}

}  // namespace msgproc::ctl
