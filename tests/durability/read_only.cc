// Preloaded into a process: while the file MSGPROC_READ_ONLY_WHILE is there,
// writes to files under MSGPROC_READ_ONLY_UNDER fail as they do on a file
// system that was remounted read-only because of an error. (A remount by hand
// is refused while files are open for writing.)
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool Under(const char* path) {
  static const char* const under = std::getenv("MSGPROC_READ_ONLY_UNDER");
  return std::strncmp(path, under, std::strlen(under)) == 0;
}

bool ReadOnlyNow() {
  static const char* const file = std::getenv("MSGPROC_READ_ONLY_WHILE");
  return access(file, F_OK) == 0;
}

// Whether the descriptor's file cannot be written; says so in errno.
bool Refuse(int fd) {
  if (!ReadOnlyNow()) return false;
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof(path) - 1);
  if (size < 0) return false;
  path[size] = '\0';
  if (!Under(path)) return false;
  errno = EROFS;
  return true;
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

// glibc's parameters have names that are reserved for it.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static auto* const next =
      Next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return Refuse(fd) ? -1 : next(fd, data, size, offset);
}

int ftruncate64(int fd, off64_t size) {
  static auto* const next = Next<int(int, off64_t)>("ftruncate64");
  return Refuse(fd) ? -1 : next(fd, size);
}

int fdatasync(int fd) {
  static auto* const next = Next<int(int)>("fdatasync");
  return Refuse(fd) ? -1 : next(fd);
}

int open64(const char* path, int flags, ...) {
  static auto* const next = Next<int(const char*, int, ...)>("open64");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_ACCMODE) != O_RDONLY && ReadOnlyNow() && Under(path)) {
    errno = EROFS;
    return -1;
  }
  return next(path, flags, mode);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)

}  // extern "C"
