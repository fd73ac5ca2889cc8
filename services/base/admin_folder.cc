#include "services/base/admin_folder.h"

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace msgproc::base {

std::string AdminFolder() {
  const char* const systemd = std::getenv("RUNTIME_DIRECTORY");
  if (systemd != nullptr && *systemd != '\0') {
    // Several are separated by colons.
    const std::vector<std::string> folders = absl::StrSplit(systemd, ':');
    return folders.front();
  }
  const char* const user = std::getenv("XDG_RUNTIME_DIR");
  if (user == nullptr || *user == '\0') return "";
  return absl::StrCat(user, "/msgproc");
}

}  // namespace msgproc::base
