#include "services/base/address_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

absl::Status Failed(const std::string& path, int error) {
  const std::string message =
      absl::StrCat(path, ": cannot be written: ", strerror(error));
  if (error == EACCES || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  if (error == ENOENT) return absl::NotFoundError(message);
  return absl::InternalError(message);
}

}  // namespace

absl::Status WriteAddressFile(const std::string& path,
                              const NamedAddresses& addresses) {
  std::string text;
  for (const auto& [name, address] : addresses) {
    if (!address.empty()) absl::StrAppend(&text, name, "=", address, "\n");
  }
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  UniqueFd file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) return Failed(path, errno);
  const ssize_t written = write(file.get(), text.data(), text.size());
  const int write_error = written < 0 ? errno : ENOSPC;
  if (written != static_cast<ssize_t>(text.size())) {
    unlink(temporary.c_str());
    return Failed(path, write_error);
  }
  file.Reset();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return Failed(path, error);
  }
  return absl::OkStatus();
}

}  // namespace msgproc::base
