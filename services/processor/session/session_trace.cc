#include "services/processor/session/session_trace.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {

SessionTrace::SessionTrace(uint64_t id, absl::Time now)
    : id_(id), read_at_(now) {
  MSGPROC_CHECK_NE(id, 0u);
}

bool SessionTrace::Add(SessionEvent event) {
  over_ = Over(event.at);
  if (over_) return false;
  if (events_.size() == kMaxEvents) events_.pop_front();
  events_.push_back(std::move(event));
  ++last_;
  MSGPROC_CHECK_LE(events_.size(), last_);
  return true;
}

absl::optional<SessionTrace::Page> SessionTrace::Read(uint64_t trace,
                                                      uint64_t through,
                                                      absl::Time now) {
  if (Over(now)) return absl::nullopt;
  // Another reader may have read the clock first.
  read_at_ = std::max(read_at_, now);
  const uint64_t gone = last_ - events_.size();
  // A reader that claims more than there is has read everything.
  const uint64_t read = trace == id_ ? std::min(through, last_) : gone;
  Page page{
      .trace = id_, .through = last_, .dropped = gone - std::min(read, gone)};
  const uint64_t kept = std::min<uint64_t>(last_ - read, events_.size());
  page.events.assign(events_.end() - static_cast<std::ptrdiff_t>(kept),
                     events_.end());
  return page;
}

}  // namespace msgproc::processor
