#include "tools/ctl/trace.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "tools/ctl/trace_text.h"

namespace msgproc::ctl {
namespace {

// Far below the time after which a server ends what nobody asks for.
constexpr absl::Duration kPoll = absl::Milliseconds(200);

}  // namespace

absl::Status Trace(const CommandLine& line, AdminClient* client) {
  TraceText text(line.json ? TraceText::Form::kJson : TraceText::Form::kPeople,
                 absl::LocalTimeZone());
  const absl::Time end = line.trace_for == absl::ZeroDuration()
                             ? absl::InfiniteFuture()
                             : Clock::Monotonic()->Now() + line.trace_for;
  admin::v1::TraceSessionRequest request;
  request.set_session_id(line.session_id);
  while (true) {
    const auto page = client->TraceSession(request);
    if (!page.ok()) return page.status();
    std::fputs(text.Of(*page).c_str(), stdout);
    std::fflush(stdout);
    const absl::Duration left = end - Clock::Monotonic()->Now();
    if (page->gone() || left <= absl::ZeroDuration()) return absl::OkStatus();
    request.set_trace(page->trace());
    request.set_through(page->through());
    absl::SleepFor(std::min(kPoll, left));
  }
}

}  // namespace msgproc::ctl
