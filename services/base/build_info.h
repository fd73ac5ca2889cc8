#ifndef MSGPROC_SERVICES_BASE_BUILD_INFO_H_
#define MSGPROC_SERVICES_BASE_BUILD_INFO_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace msgproc::base {

// What this program was built from. Constant.
struct BuildInfo {
  absl::string_view version;   // bazel/version.bzl
  absl::string_view compiler;  // "gcc 12.2.0"
  absl::string_view grpc;
  absl::string_view protobuf;
  absl::string_view mode;  // "opt", "dbg", or the sanitizer's name
};

const BuildInfo& GetBuildInfo();

// What --version prints: "msgproc-processor 0.1.0 (gcc 12.2.0, ...)"; of
// somebody else's program "mine, built with msgproc 0.1.0 (...)".
std::string VersionText(absl::string_view program);

// msgproc_build_info, which is always 1 and says the above in its labels.
class BuildInfoMetric final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_BUILD_INFO_H_
