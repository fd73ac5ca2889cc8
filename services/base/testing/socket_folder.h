#ifndef MSGPROC_SERVICES_BASE_TESTING_SOCKET_FOLDER_H_
#define MSGPROC_SERVICES_BASE_TESTING_SOCKET_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace msgproc::base {

// A fresh folder whose path is short enough for a Unix socket (107 bytes),
// which a test's own folder need not be. Removed with all it holds at its end.
class SocketFolder {
 public:
  SocketFolder() : path_("/tmp/msgproc_XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~SocketFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  SocketFolder(const SocketFolder&) = delete;
  SocketFolder& operator=(const SocketFolder&) = delete;

  // A path in it.
  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_SOCKET_FOLDER_H_
