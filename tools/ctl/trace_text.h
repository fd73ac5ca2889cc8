#ifndef MSGPROC_TOOLS_CTL_TRACE_TEXT_H_
#define MSGPROC_TOOLS_CTL_TRACE_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// The events of a session, a line each, answer by answer. Pure.
class TraceText {
 public:
  enum class Form {
    // Columns: when, what, which messages, and how long after the line before.
    kPeople,
    // An object a line: a TraceEvent; or one with `dropped`, `interrupted` or
    // `gone` alone, where such things happened.
    kJson,
  };

  TraceText(Form form, absl::TimeZone zone) : form_(form), zone_(zone) {}

  // What to print of the next answer.
  std::string Of(const admin::v1::TraceSessionResponse& page);

 private:
  std::string Line(const admin::v1::TraceEvent& event);
  // Something that is no event.
  std::string Note(const std::string& people, const std::string& json) const;

  const Form form_;
  const absl::TimeZone zone_;
  // Of the answer before; 0: there was none.
  uint64_t trace_ = 0;
  absl::optional<absl::Time> last_;
};

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_TRACE_TEXT_H_
