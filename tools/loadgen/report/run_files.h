#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_RUN_FILES_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_RUN_FILES_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/base/unique_fd.h"
#include "tools/files/open_file.h"
#include "tools/loadgen/plan/plan.h"

namespace msgproc::loadgen {

// The files of a run, open. "-" is the standard input or output. Not
// thread-safe, except that Stop may be called from anywhere.
class RunFiles {
 public:
  // INVALID_ARGUMENT: two of them, or one of them and a certificate or key, are
  // the same file. NOT_FOUND, PERMISSION_DENIED or what else the system said,
  // naming the flag and the file. What is in an output stays until Begin.
  static absl::StatusOr<RunFiles> Open(const Plan& plan);

  // Empties the outputs: the run begins.
  absl::Status Begin();

  // -1: not asked for.
  int input() const { return input_.get(); }
  // With an outbox for reading, too, and as earlier runs left it.
  int output() const {
    return going_on_.valid() ? going_on_.get() : output_.descriptor();
  }
  files::OutputFile* json() { return &json_; }
  files::OutputFile* report() { return &report_; }

  // Becomes readable when the run is to stop, for whoever waits for input.
  int stop() const { return stop_.get(); }
  void Stop() const;

 private:
  base::UniqueFd input_;
  files::OutputFile output_;
  base::UniqueFd going_on_;  // The output, with an outbox.
  files::OutputFile json_;
  files::OutputFile report_;
  base::UniqueFd stop_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_RUN_FILES_H_
