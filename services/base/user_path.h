#ifndef MSGPROC_SERVICES_BASE_USER_PATH_H_
#define MSGPROC_SERVICES_BASE_USER_PATH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace msgproc::base {

// A path as the user meant it: `bazel run` changes the working directory and
// leaves the user's own in BUILD_WORKING_DIRECTORY, against which a relative
// path counts. Empty stays empty; "-" stays "-".
std::string UserPath(absl::string_view path);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_USER_PATH_H_
