#include "tools/cluster/binaries.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"

namespace msgproc::cluster {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> RunfilesFolders() {
  std::vector<fs::path> folders;
  const char* test = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (test != nullptr && workspace != nullptr) {
    folders.push_back(fs::path(test) / workspace);
  }
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  folders.push_back(fs::path(absl::StrCat(self.string(), ".runfiles")) /
                    "msgproc");
  // Another program of the cluster, itself among somebody's runfiles.
  folders.push_back(fs::current_path(error));
  return folders;
}

}  // namespace

std::string Binaries::Find(absl::string_view path) const {
  const fs::path wanted{std::string(path)};
  std::error_code error;
  if (!folder_.empty()) {
    const fs::path beside = fs::path(folder_) / wanted.filename();
    // A folder of that name is Bazel's package, not the program.
    if (fs::is_regular_file(beside, error)) return beside.string();
    const fs::path below = fs::path(folder_) / wanted;
    if (fs::exists(below, error)) return below.string();
  }
  std::string first;
  for (const fs::path& folder : RunfilesFolders()) {
    const fs::path found = folder / wanted;
    if (fs::exists(found, error)) return found.string();
    if (first.empty()) first = found.string();
  }
  return first;
}

}  // namespace msgproc::cluster
