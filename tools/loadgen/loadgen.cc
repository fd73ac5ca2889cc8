#include "tools/loadgen/loadgen.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/base/build_info.h"
#include "services/base/descriptor_limit.h"
#include "services/base/log.h"
#include "services/base/shutdown_signal.h"
#include "tools/loadgen/load_run.h"
#include "tools/loadgen/report/machine.h"
#include "tools/loadgen/report/report_json.h"
#include "tools/loadgen/report/report_text.h"
#include "tools/loadgen/report/run_files.h"
#include "tools/loadgen/target/connect_advice.h"
#include "tools/loadgen/target/endpoint.h"
#include "tools/report/page.h"

namespace msgproc::loadgen {
namespace {

ExitCode Refuse(const absl::Status& status, ExitCode code) {
  std::fprintf(stderr, "msgproc-loadgen: %s\n",
               std::string(status.message()).c_str());
  return code;
}

void SayWhereTo(const Plan& plan, const Endpoint& endpoint) {
  if (endpoint.embedded != nullptr) {
    std::fprintf(stderr,
                 "Nothing listens at %s: using a processor embedded in "
                 "loadgen, at %s.\n",
                 kDefaultTarget, endpoint.where.c_str());
  } else if (plan.asked.target.empty() && plan.balancers.empty()) {
    std::fprintf(stderr, "Using the processor that listens at %s.\n",
                 endpoint.where.c_str());
  }
}

std::string Page(const Report& report) {
  return report::MakePage("Load generator report", JsonForPage(report));
}

// Each connection takes a descriptor. gRPC, which has none left, says only that
// nothing can be reached.
absl::Status HasDescriptors(const Options& asked) {
  constexpr uint64_t kOthers = 32;
  const uint64_t limit = base::DescriptorLimit();
  const uint64_t takes = static_cast<uint64_t>(asked.connections) + kOthers;
  if (takes <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--connections=", asked.connections, " takes some ", takes,
                   " file descriptors, and this process may have ", limit,
                   ": raise `ulimit -n`, or ask for fewer."));
}

// The text gives way when something else has the standard output.
absl::Status WriteReports(const Report& report, RunFiles* files) {
  const Options& asked = report.plan.asked;
  absl::Status status = files->json()->Write(JsonReport(report));
  status.Update(files->report()->Write(Page(report)));
  if (asked.json != "-" && asked.report != "-") {
    std::FILE* const to = asked.output == "-" ? stderr : stdout;
    std::fputs(TextReport(report).c_str(), to);
    if (std::fflush(to) != 0) {
      status.Update(absl::ErrnoToStatus(errno, "writing the report"));
    }
  }
  return status;
}

}  // namespace

ExitCode RunLoadgen(Options options) {
  base::InitLog(base::LogFormat::kText, base::LogLevel::kError);
  const absl::StatusOr<Plan> plan = MakePlan(std::move(options));
  if (!plan.ok()) return Refuse(plan.status(), ExitCode::kUsage);
  if (absl::Status status = report::CanMakePages();
      !plan->asked.report.empty() && !status.ok()) {
    return Refuse(status, ExitCode::kUsage);
  }
  if (absl::Status status = HasDescriptors(plan->asked); !status.ok()) {
    return Refuse(status, ExitCode::kUsage);
  }
  absl::StatusOr<RunFiles> files = RunFiles::Open(*plan);
  if (!files.ok()) return Refuse(files.status(), ExitCode::kUsage);
  const absl::StatusOr<Endpoint> endpoint = FindEndpoint(*plan);
  if (!endpoint.ok()) {
    return Refuse(endpoint.status(), absl::IsInvalidArgument(endpoint.status())
                                         ? ExitCode::kUsage
                                         : ExitCode::kFailed);
  }
  SayWhereTo(*plan, *endpoint);

  LoadRun run(*plan, endpoint->stream_options, *files);
  const base::ShutdownSignal signal({.on_drain = [&run](int) {
    std::fputs(
        "\nStopping: collecting what is in flight. Once more ends at once.\n",
        stderr);
    run.Stop();
  }});
  if (absl::Status status = run.Connect(); !status.ok()) {
    if (absl::IsCancelled(status)) {
      return Refuse(
          absl::CancelledError("stopped while connecting: nothing was sent."),
          ExitCode::kFailed);
    }
    if (!plan->asked.outbox.empty() && !run.opened()) {
      return Refuse(status, ExitCode::kUsage);
    }
    std::fputs(
        ConnectAdvice(*plan, *endpoint, status, run.ConnectedStreams()).c_str(),
        stderr);
    return absl::IsInvalidArgument(status) ? ExitCode::kUsage
                                           : ExitCode::kFailed;
  }
  if (absl::Status status = files->Begin(); !status.ok()) {
    return Refuse(status, ExitCode::kFailed);
  }
  Report report = run.Execute();
  report.where = endpoint->where;
  const base::BuildInfo& build = base::GetBuildInfo();
  report.version =
      absl::StrCat(build.version, " (", build.compiler, ", ", build.mode, ")");
  report.machine = DescribeMachine();
  report.embedded = endpoint->embedded != nullptr;
  if (absl::Status status = WriteReports(report, &*files); !status.ok()) {
    return Refuse(status, ExitCode::kFailed);
  }
  return report.Exit();
}

}  // namespace msgproc::loadgen
