#ifndef MSGPROC_TOOLS_FILES_OPEN_FILE_H_
#define MSGPROC_TOOLS_FILES_OPEN_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/unique_fd.h"

namespace msgproc::files {

// A file to be written. Opening it changes nothing: what it held stays until
// Begin, so that a program that cannot do its work leaves it as it was; a file
// that had to be made goes again. "-" is the standard output, and an empty path
// no file at all. Not thread-safe.
class OutputFile {
 public:
  OutputFile() = default;
  // NOT_FOUND, PERMISSION_DENIED or what else the system said, with the flag,
  // the path and what to do.
  static absl::StatusOr<OutputFile> Open(absl::string_view flag,
                                         absl::string_view path);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;

  // -1: no file.
  int descriptor() const { return file_.get(); }

  // Empties it: from here on it is the program's.
  absl::Status Begin();

  // Begins, and writes all of it. Nothing to do without a file.
  absl::Status Write(absl::string_view text);

 private:
  std::string flag_;
  std::string path_;
  base::UniqueFd file_;
  bool made_ = false;  // By us, and not begun.
};

// A file to be gone on with: for reading and writing, with what it holds. "-"
// is the standard output. Errors as above.
absl::StatusOr<base::UniqueFd> OpenToGoOn(absl::string_view flag,
                                          absl::string_view path);

// A file to be read; "-" is the standard input. Errors as above.
absl::StatusOr<base::UniqueFd> OpenInput(absl::string_view flag,
                                         absl::string_view path);

}  // namespace msgproc::files

#endif  // MSGPROC_TOOLS_FILES_OPEN_FILE_H_
