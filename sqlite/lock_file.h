#ifndef MSGPROC_SQLITE_LOCK_FILE_H_
#define MSGPROC_SQLITE_LOCK_FILE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace msgproc::sqlite {

// A file that one process has locked, in which it says who it is. The lock goes
// with the process, however that ends; the file stays. Not on NFS before 4.
class LockFile {
 public:
  // FAILED_PRECONDITION: another one has it, which the text names.
  // PERMISSION_DENIED or INTERNAL: the file cannot be made.
  static absl::StatusOr<LockFile> Take(const std::string& path);

 private:
  explicit LockFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace msgproc::sqlite

#endif  // MSGPROC_SQLITE_LOCK_FILE_H_
