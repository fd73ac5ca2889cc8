#include "services/base/identity/access_file.h"

#include "absl/time/clock.h"

namespace msgproc::base {

absl::StatusOr<std::shared_ptr<AccessFile>> LoadAccessFile(
    const std::string& path) {
  return AccessFile::Load("access_file", path, AccessRules::Parse, absl::Now());
}

}  // namespace msgproc::base
