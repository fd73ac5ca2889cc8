#include "services/processor/handlers/async_handler.h"

#include "absl/strings/str_cat.h"

namespace msgproc::processor {

void StartCall(AsyncHandler* handler, std::unique_ptr<AsyncCall> call) {
  const AsyncCall& begun = *call;
  Responder responder(std::move(call));
  try {
    handler->Start(begun.context(), begun.message(), std::move(responder));
  } catch (...) {  // NOLINT(bugprone-empty-catch)
    // The Responder was let go of on the way here, and has answered.
  }
}

absl::Status NotAnsweredInTime(absl::Duration timeout) {
  return absl::DeadlineExceededError(
      absl::StrCat("The handler has not answered for ",
                   absl::FormatDuration(timeout), " (--handler_timeout)."));
}

}  // namespace msgproc::processor
