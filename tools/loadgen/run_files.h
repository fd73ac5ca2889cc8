#ifndef MSGPROC_TOOLS_LOADGEN_RUN_FILES_H_
#define MSGPROC_TOOLS_LOADGEN_RUN_FILES_H_

#include "absl/status/statusor.h"
#include "services/base/unique_fd.h"
#include "tools/loadgen/plan.h"

namespace msgproc::loadgen {

// The files of a run, open. "-" is the standard input or output. Not
// thread-safe, except that Stop may be called from anywhere.
class RunFiles {
 public:
  // NOT_FOUND, PERMISSION_DENIED or what else the system said, naming the flag
  // and the file. An output that exists is replaced.
  static absl::StatusOr<RunFiles> Open(const Plan& plan);

  // -1: not asked for.
  int input() const { return input_.get(); }
  int output() const { return output_.get(); }
  int json() const { return json_.get(); }
  int report() const { return report_.get(); }

  // Becomes readable when the run is to stop, for whoever waits for input.
  int stop() const { return stop_.get(); }
  void Stop() const;

 private:
  server::UniqueFd input_;
  server::UniqueFd output_;
  server::UniqueFd json_;
  server::UniqueFd report_;
  server::UniqueFd stop_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_RUN_FILES_H_
