#ifndef MSGPROC_COMMON_SPARE_CORES_H_
#define MSGPROC_COMMON_SPARE_CORES_H_

#include <cstdint>

#include "absl/time/time.h"

namespace msgproc {

// How many cores were idle that this process might have used: those of the
// machine (/proc/stat), as far as the quota of its control group goes (cpu.max,
// cpu.cfs_quota_us). Not thread-safe.
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

  const double quota_;  // In cores; infinite where there is none.
  Reading last_;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_SPARE_CORES_H_
