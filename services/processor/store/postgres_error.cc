#include "services/processor/store/postgres_error.h"

#include "absl/strings/match.h"

namespace msgproc::processor {
namespace {

using Code = absl::StatusCode;

// The longest prefix comes first.
struct Class {
  absl::string_view prefix;
  Code code;
};
constexpr Class kClasses[] = {
    // Connections.
    {"08", Code::kUnavailable},
    // A standby, or one that became it: connecting again finds the primary.
    {"25006", Code::kUnavailable},
    {"25P03", Code::kUnavailable},  // idle_in_transaction_session_timeout
    {"28", Code::kPermissionDenied},
    {"3D000", Code::kPermissionDenied},  // There is no such database.
    // Serialization failure, deadlock, and the rest of its class.
    {"40", Code::kAborted},
    {"42501", Code::kPermissionDenied},
    {"53300", Code::kUnavailable},  // too_many_connections
    {"53", Code::kResourceExhausted},
    {"54", Code::kResourceExhausted},
    {"55P03", Code::kAborted},  // lock_timeout
    {"57014", Code::kAborted},  // Somebody canceled the statement.
    {"57", Code::kUnavailable},
};

}  // namespace

absl::StatusCode ClassifySqlstate(absl::string_view sqlstate) {
  if (sqlstate.empty()) return Code::kUnavailable;
  for (const Class& known : kClasses) {
    if (absl::StartsWith(sqlstate, known.prefix)) return known.code;
  }
  return Code::kInternal;
}

absl::StatusCode ClassifySqlstateOfExecute(absl::string_view sqlstate) {
  if (sqlstate == "23505") return Code::kAlreadyExists;
  if (absl::StartsWith(sqlstate, "23")) return Code::kFailedPrecondition;
  if (sqlstate == "42501") return Code::kInvalidArgument;
  const Code code = ClassifySqlstate(sqlstate);
  // Syntax, types, values out of range, what functions raise.
  return code == Code::kInternal ? Code::kInvalidArgument : code;
}

}  // namespace msgproc::processor
