#ifndef MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_FILE_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_FILE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/file_text.h"
#include "services/base/identity/access_rules.h"
#include "services/base/reloaded_files.h"

namespace msgproc::base {

// The rules of --access_file as they are now. A file that changes is taken anew
// when it is good; otherwise the rules stay, and log and metrics say why.
// Thread-safe.
class AccessFile {
 public:
  // Reads it; an empty path is no file. NOT_FOUND, PERMISSION_DENIED or
  // INVALID_ARGUMENT, naming the flag, the file and the place in it.
  static absl::StatusOr<std::shared_ptr<AccessFile>> Load(
      const std::string& path);

  // Null: there is no file, and everybody may do everything.
  std::shared_ptr<const AccessRules> Current() const;

  // To be looked at now and then; none without a file.
  std::vector<std::shared_ptr<ReloadedFiles>> files() const;

  // Calls `changed` whenever other rules hold, on the thread that polls the
  // files and while they are locked: do little there, and do not ask them
  // anything.
  void OnChange(std::function<void()> changed);

 private:
  AccessFile() = default;
  absl::StatusOr<absl::Time> Take(const FileText& file);

  // Constant after Load.
  std::shared_ptr<ReloadedFiles> files_;

  mutable Mutex mutex_;
  std::shared_ptr<const AccessRules> rules_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> on_change_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_FILE_H_
