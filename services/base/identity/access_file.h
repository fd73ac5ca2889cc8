#ifndef MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_FILE_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/base/identity/access_rules.h"
#include "services/base/identity/reloaded_value.h"

namespace msgproc::base {

// The rules of --access_file as they are now. Without a file there are none,
// and everybody may do everything.
using AccessFile = ReloadedValue<AccessRules>;

// Reads it; an empty path is no file. NOT_FOUND, PERMISSION_DENIED or
// INVALID_ARGUMENT, naming the flag, the file and the place in it.
absl::StatusOr<std::shared_ptr<AccessFile>> LoadAccessFile(
    const std::string& path);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_FILE_H_
