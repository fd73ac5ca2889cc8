#include "client/outbox_error.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace msgproc::client {
namespace {

absl::string_view Advice(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kResourceExhausted:
      return "Make room there";
    case absl::StatusCode::kPermissionDenied:
      return "Let this program's user write the file and its directory";
    case absl::StatusCode::kFailedPrecondition:
      return "Choose another file, or finish with the program that made it";
    case absl::StatusCode::kUnavailable:
      return "See whether another program has the file open, or what is wrong "
             "with the disk";
    default:
      return "See what is wrong with the disk or the file";
  }
}

// Without the full stop that some have.
absl::string_view Text(const absl::Status& why) {
  return absl::StripSuffix(why.message(), ".");
}

}  // namespace

absl::Status OutboxOpenError(const std::string& path, const absl::Status& why) {
  return absl::Status(why.code(), absl::StrCat("the outbox ", path,
                                               " cannot be used: ", Text(why),
                                               ". ", Advice(why.code()), "."));
}

absl::Status OutboxInUse(const std::string& path, const absl::Status& why) {
  return absl::Status(
      why.code(),
      absl::StrCat(
          "the outbox ", path,
          " is in use, and only one stream can have it: ", why.message(),
          ". Give each stream a file of its own, or wait until that "
          "process has ended."));
}

absl::Status OutboxWriteError(const std::string& path,
                              const absl::Status& why) {
  const absl::StatusCode code = absl::IsResourceExhausted(why)
                                    ? absl::StatusCode::kUnavailable
                                    : why.code();
  return absl::Status(
      code, absl::StrCat("the outbox ", path, " cannot be written: ", Text(why),
                         ". ", Advice(why.code()),
                         ", and open the stream again: it goes on with what "
                         "the outbox has."));
}

absl::Status OutboxStreamStatus(const std::string& path, absl::Status status) {
  if (absl::IsFailedPrecondition(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat(status.message(), "; the outbox ", path,
                     " keeps the messages that have no result"));
  }
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(absl::StrCat(
      status.message(), "; the outbox ", path,
      " keeps the messages that have no result (table "
      "msgproc_outbox_messages), and none of them is sent again by itself: put "
      "the file aside, compare them with what was done, and open a stream with "
      "another outbox"));
}

}  // namespace msgproc::client
