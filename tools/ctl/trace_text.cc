#include "tools/ctl/trace_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "tools/ctl/json_line.h"
#include "tools/ctl/text.h"
#include "wire/proto_time.h"

namespace msgproc::ctl {
namespace {

using admin::v1::TraceEvent;

constexpr char kLine[] = "%-15s  %-12s  %-15s  %s\n";

// "accepted", "taken over", ...; of a later release its number.
std::string EventName(const TraceEvent& event) {
  const std::string& name = TraceEvent::Kind_Name(event.kind());
  if (name.empty()) return absl::StrCat("event ", event.kind());
  return EnumWord(name, "KIND_");
}

std::string Range(uint64_t first, uint64_t through) {
  if (first == 0) return "-";
  return first == through ? absl::StrCat(first)
                          : absl::StrCat(first, "-", through);
}

std::string Messages(const TraceEvent& event) {
  switch (event.kind()) {
    case TraceEvent::KIND_OPENED:
    case TraceEvent::KIND_RESUMED:
    case TraceEvent::KIND_TAKEN_OVER:
    case TraceEvent::KIND_LOST:
      return absl::StrCat("through ", event.through());
    default:
      return Range(event.first(), event.through());
  }
}

std::string Details(const TraceEvent& event) {
  if (event.kind() == TraceEvent::KIND_STREAM_ENDED) {
    return absl::StrCat("  ", StatusText(event.code(), event.message()));
  }
  if (event.kind() == TraceEvent::KIND_LOST) {
    return absl::StrCat("  ", Shown(event.message()));
  }
  if (event.failed() == 0) return "";
  return absl::StrCat("  ", event.failed(), " failed, the last: ",
                      StatusText(event.code(), event.message()));
}

}  // namespace

std::string TraceText::Line(const TraceEvent& event) {
  if (form_ == Form::kJson) return JsonLine(event);
  const absl::Time at = wire::FromProto(event.at());
  const std::string since =
      last_ ? absl::StrCat("+", Length(at - *last_)) : "-";
  last_ = at;
  return absl::StrFormat(kLine, absl::FormatTime("%H:%M:%E6S", at, zone_),
                         EventName(event), Messages(event),
                         absl::StrCat(since, Details(event)));
}

std::string TraceText::Note(const std::string& people,
                            const std::string& json) const {
  return absl::StrCat(form_ == Form::kJson ? json : people, "\n");
}

std::string TraceText::Of(const admin::v1::TraceSessionResponse& page) {
  std::string text;
  if (trace_ == 0 && form_ == Form::kPeople) {
    text = absl::StrFormat(kLine, "TIME", "EVENT", "MESSAGES", "AFTER");
  }
  if (trace_ != 0 && page.trace() != trace_) {
    absl::StrAppend(&text, Note("… the trace was interrupted: what happened "
                                "meanwhile is not known",
                                R"({"interrupted":true})"));
  }
  trace_ = page.trace();
  if (page.dropped() > 0) {
    absl::StrAppend(
        &text, Note(absl::StrCat("… ", page.dropped(),
                                 " events came too fast and are not shown"),
                    absl::StrCat(R"({"dropped":")", page.dropped(), R"("})")));
  }
  for (const TraceEvent& event : page.events()) {
    absl::StrAppend(&text, Line(event));
  }
  if (page.gone()) {
    absl::StrAppend(&text, Note("the server does not hold the session any more",
                                R"({"gone":true})"));
  }
  return text;
}

}  // namespace msgproc::ctl
