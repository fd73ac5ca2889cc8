#include "services/processor/store/check_write.h"

#include "absl/strings/str_cat.h"
#include "common/quoted.h"

namespace msgproc::processor {

absl::Status CheckWrite(const SessionWrite& write, uint64_t committed_through) {
  if (write.by_worker && write.through != committed_through) {
    return absl::InternalError(
        absl::StrCat("a worker has answered messages ", write.first, " to ",
                     write.through, " of session ", Quoted(write.session_id),
                     ", and has committed results up to ", committed_through));
  }
  if (!write.by_worker && write.has_results() &&
      write.first != committed_through + 1) {
    return absl::InternalError(absl::StrCat(
        "results ", write.first, " to ", write.through, " of session ",
        Quoted(write.session_id), " do not follow what the store has, up to ",
        committed_through));
  }
  const uint64_t through =
      write.has_results() ? write.through : committed_through;
  if (write.trim_through > through) {
    return absl::InternalError(absl::StrCat(
        "session ", Quoted(write.session_id), " would be trimmed up to ",
        write.trim_through, ", beyond what is committed, ", through));
  }
  return absl::OkStatus();
}

}  // namespace msgproc::processor
