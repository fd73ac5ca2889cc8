#include "services/processor/session/session_story.h"

#include <utility>

#include "absl/status/status.h"
#include "common/check.h"
#include "common/utf8.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/session/result_error.h"
#include "wire/frame.h"

namespace msgproc::processor {
namespace {

constexpr int kOk = static_cast<int>(absl::StatusCode::kOk);
constexpr int kAborted = static_cast<int>(absl::StatusCode::kAborted);

SessionTroubles Copy(const std::shared_ptr<const SessionTroubles>& troubles) {
  return troubles == nullptr ? SessionTroubles() : *troubles;
}

absl::optional<SessionTroubles::Failure> LastOf(const wire::EntryLog& results,
                                                absl::Time now) {
  wire::ResultView last;
  wire::ResultView result;
  wire::EntryLog::Cursor cursor = results.At(results.first_position());
  while (cursor.position() < results.next_position()) {
    if (wire::ParseResult(results.Next(&cursor), &result) && result.failed) {
      last = result;
    }
  }
  const absl::optional<v1::Error> error = ErrorOf(last);
  if (!error.has_value()) return absl::nullopt;
  return SessionTroubles::Failure{
      .sequence = last.sequence,
      .code = error->code(),
      .text = TruncateUtf8(error->message(), SessionStory::kMaxText),
      .at = now};
}

}  // namespace

void SessionStory::OnAttached(absl::Time now, bool taken_over,
                              Session::State state) {
  ++streams;
  changed = now;
  if (state == Session::State::kLost) ++losses;
  if (taken_over) {
    ++takeovers;
    OnStreamEnded(now, kAborted, "Another stream took the session over.");
  } else if (state == Session::State::kResumed) {
    ++resumptions;
  }
}

void SessionStory::OnStreamEnded(absl::Time now, int code,
                                 absl::string_view text) {
  SessionTroubles more = Copy(troubles);
  more.last_end = SessionTroubles::StreamEnd{
      .code = code, .text = TruncateUtf8(text, kMaxText), .at = now};
  if (code != kOk) more.last_error = more.last_end;
  troubles = std::make_shared<const SessionTroubles>(std::move(more));
}

void SessionStory::OnFailures(absl::Time now, uint64_t failed,
                              const wire::EntryLog& results) {
  MSGPROC_CHECK_GT(failed, 0u);
  SessionTroubles more = Copy(troubles);
  more.failed += failed;
  if (auto last = LastOf(results, now)) more.last_failure = std::move(last);
  troubles = std::make_shared<const SessionTroubles>(std::move(more));
}

}  // namespace msgproc::processor
