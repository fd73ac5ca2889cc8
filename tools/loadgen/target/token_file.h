#ifndef MSGPROC_TOOLS_LOADGEN_TARGET_TOKEN_FILE_H_
#define MSGPROC_TOOLS_LOADGEN_TARGET_TOKEN_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace msgproc::loadgen {

// The token in a file, without the space around it. INVALID_ARGUMENT, naming
// `setting` and the file: it cannot be read, or there is none in it.
absl::StatusOr<std::string> ReadToken(absl::string_view setting,
                                      const std::string& path);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TARGET_TOKEN_FILE_H_
