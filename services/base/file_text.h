#ifndef MSGPROC_SERVICES_BASE_FILE_TEXT_H_
#define MSGPROC_SERVICES_BASE_FILE_TEXT_H_

#include <string>

#include "absl/status/statusor.h"

namespace msgproc::base {

// A file and what was in it.
struct FileText {
  std::string path;
  std::string text;
};

// Reads a small file (a certificate, a list of tokens) whole. NOT_FOUND,
// PERMISSION_DENIED, or INVALID_ARGUMENT (a folder, a pipe, over 1 MiB), naming
// the file. Never waits for another process.
absl::StatusOr<FileText> ReadFileText(const std::string& path);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_FILE_TEXT_H_
