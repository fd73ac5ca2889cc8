#ifndef MSGPROC_COMMON_SPARE_CORES_H_
#define MSGPROC_COMMON_SPARE_CORES_H_

#include <cstdint>

#include "absl/time/time.h"

namespace msgproc {

// How many cores were idle that this process might have used: those of the
// machine (/proc/stat), as far as ProcessLimits go. Not thread-safe.
class SpareCores {
 public:
  // Counts from now on.
  SpareCores();

  // The mean since the last call, or the constructor. 0: none, or the system
  // does not say.
  double Take();

 private:
  struct Reading {
    absl::Time at;
    absl::Duration idle;  // All cores together.
    absl::Duration used;  // By this process.
  };
  static Reading Read();

  const double cpus_;  // That it may use.
  Reading last_;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_SPARE_CORES_H_
