#ifndef MSGPROC_SERVICES_BASE_SECRET_FILE_H_
#define MSGPROC_SERVICES_BASE_SECRET_FILE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/base/file_text.h"
#include "services/base/reloaded_files.h"

namespace msgproc::base {

// A secret that a file holds and nothing else, taken anew when that changes.
// Thread-safe.
class SecretFile {
 public:
  // The secret in the file's text, or why there is none: naming the file, never
  // what is in it.
  using Parse = std::function<absl::StatusOr<std::string>(const FileText&)>;

  // `name` says what it is in logs and metrics: "register_token". NOT_FOUND,
  // PERMISSION_DENIED or INVALID_ARGUMENT, naming the file; errors of `parse`.
  static absl::StatusOr<std::shared_ptr<const SecretFile>> Load(
      const std::string& name, const std::string& path, Parse parse);

  std::string Secret() const;

  // To be looked at now and then.
  const std::shared_ptr<ReloadedFiles>& files() const { return files_; }

 private:
  // Shared with `files_`, which whoever looks at it may keep for longer.
  struct State;
  SecretFile(std::shared_ptr<const State> state,
             std::shared_ptr<ReloadedFiles> files);

  const std::shared_ptr<const State> state_;
  const std::shared_ptr<ReloadedFiles> files_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SECRET_FILE_H_
