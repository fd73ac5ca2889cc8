#include "services/base/build_info.h"

#include <google/protobuf/stubs/common.h>
#include <grpcpp/version_info.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/metric_writer.h"

#define MSGPROC_TEXT_OF(x) #x
#define MSGPROC_TEXT(x) MSGPROC_TEXT_OF(x)

namespace msgproc::base {
namespace {

constexpr absl::string_view Compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

constexpr absl::string_view Mode() {
#if defined(__SANITIZE_ADDRESS__)
  return "asan";
#elif defined(__SANITIZE_THREAD__)
  return "tsan";
#elif defined(NDEBUG)
  return "opt";
#else
  return "dbg";
#endif
}

// GOOGLE_PROTOBUF_VERSION is 3021012 for 3.21.12.
std::string ProtobufVersion() {
  return absl::StrCat(GOOGLE_PROTOBUF_VERSION / 1000000, ".",
                      GOOGLE_PROTOBUF_VERSION / 1000 % 1000, ".",
                      GOOGLE_PROTOBUF_VERSION % 1000);
}

}  // namespace

const BuildInfo& GetBuildInfo() {
  static const auto* const protobuf = new std::string(ProtobufVersion());
  static const auto* const info =
      new BuildInfo{MSGPROC_TEXT(MSGPROC_VERSION), Compiler(),
                    GRPC_CPP_VERSION_STRING, *protobuf, Mode()};
  return *info;
}

std::string VersionText(absl::string_view program) {
  const BuildInfo& info = GetBuildInfo();
  const bool ours =
      program == "msgproc" || absl::StartsWith(program, "msgproc-");
  return absl::StrCat(program, ours ? " " : ", built with msgproc ",
                      info.version, " (", info.compiler, ", gRPC ", info.grpc,
                      ", protobuf ", info.protobuf, ", ", info.mode, ")");
}

std::vector<prometheus::MetricFamily> BuildInfoMetric::Collect() const {
  const BuildInfo& info = GetBuildInfo();
  MetricWriter writer;
  writer
      .Gauge("msgproc_build_info",
             "Always 1; the labels say what this program was built from.")
      .Add({{"version", info.version},
            {"compiler", info.compiler},
            {"grpc", info.grpc},
            {"protobuf", info.protobuf},
            {"mode", info.mode}},
           1);
  return writer.Take();
}

}  // namespace msgproc::base
