#ifndef MSGPROC_SERVICES_BALANCER_REGISTER_TOKEN_H_
#define MSGPROC_SERVICES_BALANCER_REGISTER_TOKEN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "services/base/file_text.h"
#include "services/base/reloaded_files.h"

namespace msgproc::balancer {

// Who may register: whoever shows a token from a file, as `Bearer TOKEN` in the
// metadata `authorization`. The file holds one token a line, any of which will
// do, so that a new one can be handed out before an old one goes; blank lines
// and lines that begin with # do not count. Without a file everyone may.
// Thread-safe.
class RegisterToken {
 public:
  // Reads the file; an empty path lets everyone in. NOT_FOUND,
  // PERMISSION_DENIED or INVALID_ARGUMENT (no token in it, one shorter than 16
  // bytes), naming the file.
  absl::Status Load(const std::string& path);

  // To be looked at now and then, after Load: the tokens of a changed file are
  // taken when it is good, otherwise they stay as they were. Null: no file.
  std::shared_ptr<base::ReloadedFiles> files() const { return files_; }

  // Whether there is a file, so that a token is of use.
  bool required() const { return files_ != nullptr; }

  // PERMISSION_DENIED, saying what to do; `file`: what users call the setting
  // that names it. Takes the same time for every wrong token of one length.
  absl::Status Check(absl::string_view authorization,
                     absl::string_view file = "file") const;

 private:
  absl::Status Take(const base::FileText& file);

  std::shared_ptr<base::ReloadedFiles> files_;
  mutable Mutex mutex_;
  std::vector<std::string> tokens_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_REGISTER_TOKEN_H_
