#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_STORY_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_STORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "services/processor/session/session.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// What has gone wrong with a session, and how its streams have ended.
struct SessionTroubles {
  struct StreamEnd {
    int code = 0;      // A google.rpc.Code.
    std::string text;  // At most SessionStory::kMaxText bytes.
    absl::Time at;
  };
  struct Failure {
    uint64_t sequence = 0;
    int code = 0;
    std::string text;  // Likewise.
    absl::Time at;
  };

  absl::optional<StreamEnd> last_end;
  // The last that did not end OK.
  absl::optional<StreamEnd> last_error;
  // Messages that handlers have failed, and the last of them.
  uint64_t failed = 0;
  absl::optional<Failure> last_failure;
};

// What a session has been through since this process has it, for operators.
// Times are handed in, of the session's clock. Not thread-safe; a copy costs no
// more than its numbers, and stays as it is.
struct SessionStory {
  static constexpr size_t kMaxText = 256;

  absl::Time begun;
  absl::Time changed;  // When a stream came, or the last one left.
  // Streams that have had it: the first, and among the others those that took
  // it from another one, and those that came back.
  uint64_t streams = 0;
  uint64_t takeovers = 0;
  uint64_t resumptions = 0;
  // How often its client was told LOST.
  uint64_t losses = 0;
  // Null as long as there are none.
  std::shared_ptr<const SessionTroubles> troubles;

  // A stream has it now. `taken_over`: from another one, which ends.
  void OnAttached(absl::Time now, bool taken_over, Session::State state);
  // The stream that has it ends.
  void OnStreamEnded(absl::Time now, int code, absl::string_view text);
  // A batch was handled: `failed` of these results, at least one, are Errors.
  void OnFailures(absl::Time now, uint64_t failed,
                  const wire::EntryLog& results);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_STORY_H_
