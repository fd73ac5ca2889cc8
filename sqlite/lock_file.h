#ifndef MSGPROC_SQLITE_LOCK_FILE_H_
#define MSGPROC_SQLITE_LOCK_FILE_H_

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace msgproc::sqlite {

// A file that one process has locked, in which it says who it is. The lock goes
// with the process, however that ends; the file stays. Not on NFS before 4.
class LockFile {
 public:
  // FAILED_PRECONDITION: another one has it, which the text names.
  // PERMISSION_DENIED or INTERNAL: the file cannot be made.
  static absl::StatusOr<LockFile> Take(const std::string& path);

  LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  ~LockFile() {
    if (fd_ >= 0) close(fd_);
  }

 private:
  explicit LockFile(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace msgproc::sqlite

#endif  // MSGPROC_SQLITE_LOCK_FILE_H_
