#ifndef MSGPROC_TOOLS_CLUSTER_TEMPORARY_FOLDER_H_
#define MSGPROC_TOOLS_CLUSTER_TEMPORARY_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace msgproc::cluster {

// A new folder below the system's temporary one; goes with all that is in it,
// unless it is to be kept.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    path_ = std::filesystem::temp_directory_path(error) / "msgproc-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty() && !kept_) std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  void Keep() { kept_ = true; }

  // Empty: could not be made.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool kept_ = false;
};

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_TEMPORARY_FOLDER_H_
