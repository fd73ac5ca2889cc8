#include "services/base/user_path.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace msgproc::base {

std::string UserPath(absl::string_view path) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory == nullptr || path.empty() || path[0] == '/' || path == "-") {
    return std::string(path);
  }
  return absl::StrCat(directory, "/", path);
}

}  // namespace msgproc::base
