#include "sqlite/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"

namespace msgproc::sqlite {
namespace {

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

// As much as Take writes, and no more if somebody wrote something else.
std::string WhoHasIt(int fd) {
  std::array<char, 300> text = {};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  const std::string who(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  return who.empty() ? "another process"
                     : Quoted(who.substr(0, who.find('\n')));
}

}  // namespace

absl::StatusOr<LockFile> LockFile::Take(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int error = errno;
    std::string text =
        absl::StrCat("cannot open ", path, ": ", std::strerror(error));
    return error == EACCES || error == EROFS || error == EPERM
               ? absl::PermissionDeniedError(text)
               : absl::InternalError(text);
  }
  LockFile file(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is locked by ", WhoHasIt(fd)));
    }
    return absl::InternalError(
        absl::StrCat("cannot lock ", path, ": ", std::strerror(error)));
  }
  const std::string who =
      absl::StrCat("process ", getpid(), " on ", HostName(), "\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, who.data(), who.size(), 0) !=
                                   static_cast<ssize_t>(who.size())) {
    // The lock is what counts; a full disk has its own error later.
  }
  return file;
}

}  // namespace msgproc::sqlite
