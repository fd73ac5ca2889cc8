#ifndef MSGPROC_CLIENT_OUTBOX_ERROR_H_
#define MSGPROC_CLIENT_OUTBOX_ERROR_H_

#include <string>

#include "absl/status/status.h"

namespace msgproc::client {

// What an outbox's user reads: which file it is about, what is wrong with it,
// and what to do. Pure.

// It cannot be opened.
absl::Status OutboxOpenError(const std::string& path, const absl::Status& why);

// Another process, or stream, has it.
absl::Status OutboxInUse(const std::string& path, const absl::Status& why);

// It cannot be written, and so its stream ends. UNAVAILABLE where a disk is
// full: as RESOURCE_EXHAUSTED it would look like a full window.
absl::Status OutboxWriteError(const std::string& path, const absl::Status& why);

// Its stream has ended with this status. DATA_LOSS and FAILED_PRECONDITION say
// what becomes of the messages that it keeps; others are given back as they
// are.
absl::Status OutboxStreamStatus(const std::string& path, absl::Status status);

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_OUTBOX_ERROR_H_
