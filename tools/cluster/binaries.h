#ifndef MSGPROC_TOOLS_CLUSTER_BINARIES_H_
#define MSGPROC_TOOLS_CLUSTER_BINARIES_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace msgproc::cluster {

// Where the programs are that a cluster runs: in a folder of the user's
// (bazel-bin, or one with all of them side by side), among the runfiles of a
// test, or among those of this program.
class Binaries {
 public:
  // Among the runfiles.
  Binaries() = default;
  // `folder`: empty for the runfiles.
  explicit Binaries(std::string folder) : folder_(std::move(folder)) {}

  // The path of a file of the workspace, as
  // "services/processor/processor". Does not say whether it is there.
  std::string Find(absl::string_view path) const;

 private:
  std::string folder_;
};

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_BINARIES_H_
