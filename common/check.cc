#include "common/check.h"

#include <cstdio>
#include <cstdlib>

namespace msgproc::internal {

// Not by the log, which may be what is broken.
void CheckFailed(const char* file, int line, const char* condition,
                 absl::string_view values) {
  std::fprintf(stderr, "%s:%d: this must hold and does not: %s%.*s\n", file,
               line, condition, static_cast<int>(values.size()), values.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace msgproc::internal
