#include "sqlite/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::sqlite {
namespace {

absl::Status Error(int error, const std::string& what,
                   const std::string& path) {
  const std::string text =
      absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error));
  switch (error) {
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          text, ". User ", geteuid(), " must be able to write there."));
    case EROFS:
      return absl::PermissionDeniedError(
          absl::StrCat(text, ". Choose a place that can be written."));
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Error(errno, "open the directory", path);
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  // Some file systems have nothing to sync there.
  return error == 0 || error == EINVAL
             ? absl::OkStatus()
             : Error(error, "sync the directory", path);
}

absl::Status MakeDirectory(const std::string& path) {
  struct stat there = {};
  if (stat(path.c_str(), &there) == 0) {
    return S_ISDIR(there.st_mode) ? absl::OkStatus()
                                  : Error(ENOTDIR, "use the directory", path);
  }
  if (errno != ENOENT) return Error(errno, "look at", path);
  const std::string parent = DirectoryOf(path);
  absl::Status status = MakeDirectory(parent);
  if (!status.ok()) return status;
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error(errno, "make the directory", path);
  }
  return SyncDirectory(parent);
}

}  // namespace

absl::Status MakePrivateFile(const std::string& path) {
  MSGPROC_CHECK_EQ(path.substr(0, 1), "/");
  const std::string directory = DirectoryOf(path);
  absl::Status status = MakeDirectory(directory);
  if (!status.ok()) return status;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Error(errno, "open", path);
  struct stat made = {};
  const int error = fstat(fd, &made) == 0 ? 0 : errno;
  close(fd);
  if (error != 0) return Error(error, "look at", path);
  if (!S_ISREG(made.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a regular file"));
  }
  return SyncDirectory(directory);
}

}  // namespace msgproc::sqlite
