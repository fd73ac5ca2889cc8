#include "tools/files/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::files {
namespace {

absl::string_view Advice(int error, bool writes) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return writes ? " (make its folder first)" : " (is the name right?)";
    case EACCES:
    case EPERM:
    case EROFS:
      return " (its permissions, or its folder's, forbid it)";
    case EISDIR:
      return " (give a file, not a folder)";
    case ENOSPC:
    case EDQUOT:
      return " (make room on its disk)";
    default:
      return "";
  }
}

absl::Status Error(int error, absl::string_view flag, absl::string_view what,
                   absl::string_view path, bool writes) {
  const absl::Status status = absl::ErrnoToStatus(
      error, absl::StrCat(flag, ": cannot ", what, " ", path));
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), Advice(error, writes)));
}

}  // namespace

absl::StatusOr<OutputFile> OutputFile::Open(absl::string_view flag,
                                            absl::string_view path) {
  OutputFile output;
  if (path.empty()) return output;
  output.flag_ = std::string(flag);
  output.path_ = std::string(path);
  if (path == "-") {
    output.file_.Reset(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  } else {
    constexpr int kWrite = O_WRONLY | O_CLOEXEC;
    const char* const name = output.path_.c_str();
    output.file_.Reset(open(name, kWrite | O_CREAT | O_EXCL, 0644));
    output.made_ = output.file_.valid();
    // One that is there, also through a link that leads nowhere yet.
    if (!output.made_ && errno == EEXIST) {
      output.file_.Reset(open(name, kWrite | O_CREAT, 0644));
    }
  }
  if (output.file_.valid()) return output;
  return Error(errno, flag, "open", path, /*writes=*/true);
}

OutputFile::~OutputFile() {
  if (!made_) return;
  MSGPROC_CHECK(!path_.empty() && path_ != "-");
  unlink(path_.c_str());
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : flag_(std::move(other.flag_)),
      path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      made_(std::exchange(other.made_, false)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(flag_, other.flag_);
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(made_, other.made_);
  return *this;
}

absl::Status OutputFile::Begin() {
  MSGPROC_CHECK(file_.valid() || !made_);
  made_ = false;
  struct stat info {};
  const bool has_content = file_.valid() && path_ != "-" &&
                           fstat(file_.get(), &info) == 0 &&
                           S_ISREG(info.st_mode);
  if (!has_content || ftruncate(file_.get(), 0) == 0) return absl::OkStatus();
  return Error(errno, flag_, "empty", path_, /*writes=*/true);
}

absl::Status OutputFile::Write(absl::string_view text) {
  if (!file_.valid()) return absl::OkStatus();
  if (absl::Status status = Begin(); !status.ok()) return status;
  while (!text.empty()) {
    const ssize_t count = write(file_.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error(errno, flag_, "write", path_, /*writes=*/true);
    MSGPROC_CHECK_LE(static_cast<size_t>(count), text.size());
    text.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<base::UniqueFd> OpenToGoOn(absl::string_view flag,
                                          absl::string_view path) {
  base::UniqueFd file;
  if (path == "-") {
    file.Reset(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  } else {
    file.Reset(
        open(std::string(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  }
  if (file.valid()) return file;
  return Error(errno, flag, "open", path, /*writes=*/true);
}

absl::StatusOr<base::UniqueFd> OpenInput(absl::string_view flag,
                                         absl::string_view path) {
  base::UniqueFd file;
  if (path == "-") {
    file.Reset(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  } else {
    file.Reset(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!file.valid()) return Error(errno, flag, "open", path, false);
  struct stat info {};
  if (fstat(file.get(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return Error(EISDIR, flag, "read", path, false);
  }
  return file;
}

}  // namespace msgproc::files
