#ifndef MSGPROC_SQLITE_PRIVATE_FILE_H_
#define MSGPROC_SQLITE_PRIVATE_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace msgproc::sqlite {

// Makes a file, empty, with mode 0600, and the directories above it with 0700,
// as far as they are not there, so that their names outlive a loss of power.
// The path is absolute. PERMISSION_DENIED or FAILED_PRECONDITION: what stands
// in the way, and what to do.
absl::Status MakePrivateFile(const std::string& path);

}  // namespace msgproc::sqlite

#endif  // MSGPROC_SQLITE_PRIVATE_FILE_H_
