#include "services/base/file_text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/read_to_end.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

constexpr size_t kMaxBytes = 1 << 20;

absl::Status CannotRead(const std::string& path, int error) {
  const std::string message =
      absl::StrCat("cannot read ", path, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(message);
  }
  return absl::InvalidArgumentError(message);
}

}  // namespace

absl::StatusOr<FileText> ReadFileText(const std::string& path) {
  // Opening a pipe would otherwise wait for its writer.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return CannotRead(path, errno);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return CannotRead(path, errno);
  if (S_ISDIR(status.st_mode)) return CannotRead(path, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", path, ": it is not a regular file"));
  }
  FileText file{path, ""};
  const int error = ReadToEnd(fd.get(), &file.text, kMaxBytes);
  if (error != 0) return CannotRead(path, error);
  if (file.text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot read ", path, ": it has over ", kMaxBytes, " bytes"));
  }
  return file;
}

}  // namespace msgproc::base
