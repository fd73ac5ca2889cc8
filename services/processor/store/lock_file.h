#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_LOCK_FILE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_LOCK_FILE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "services/base/unique_fd.h"

namespace msgproc::processor {

// A file that one process has locked, in which it says who it is. The lock goes
// with the process, however that ends; the file stays. Not on NFS before 4.
class LockFile {
 public:
  // FAILED_PRECONDITION: another one has it, which the text names.
  // PERMISSION_DENIED or INTERNAL: the file cannot be made.
  static absl::StatusOr<LockFile> Take(const std::string& path);

 private:
  explicit LockFile(base::UniqueFd fd) : fd_(std::move(fd)) {}

  base::UniqueFd fd_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_LOCK_FILE_H_
