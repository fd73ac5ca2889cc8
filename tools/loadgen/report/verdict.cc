#include "tools/loadgen/report/verdict.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/loadgen/report/format.h"

namespace msgproc::loadgen {
namespace {

std::string Wrongs(const Tally& tally) {
  const std::pair<uint64_t, const char*> counts[] = {
      {tally.lost(), "lost"},
      {tally.duplicated, "duplicated"},
      {tally.failed, "failed"},
      {tally.wrong, "wrong"},
      {tally.out_of_order, "out of order"}};
  std::vector<std::string> parts;
  for (const auto& [count, what] : counts) {
    if (count != 0)
      parts.push_back(absl::StrCat(FormatCount(count), " ", what));
  }
  return absl::StrJoin(parts, ", ");
}

void AddFailures(const Report& report, std::vector<std::string>* findings) {
  if (!report.tally.clean()) {
    findings->push_back(absl::StrCat("Of ",
                                     FormatPlural(report.tally.sent, "message"),
                                     ": ", Wrongs(report.tally), "."));
  }
  if (!report.warmup.clean()) {
    findings->push_back(
        absl::StrCat("In the warm-up: ", Wrongs(report.warmup), "."));
  }
  for (const auto& [error, streams] : report.stream_errors) {
    findings->push_back(absl::StrCat(FormatPlural(streams, "stream"),
                                     " ended early: ", error, "."));
  }
  for (const std::string& problem : report.problems) {
    findings->push_back(absl::StrCat(problem, "."));
  }
  if (report.tally.answered == 0 && report.sent_before == 0 &&
      findings->empty()) {
    findings->emplace_back("No message was answered.");
  }
}

void AddSchedule(const GeneratorRecord& generator,
                 std::vector<std::string>* findings) {
  if (generator.unsent != 0) {
    findings->push_back(absl::StrCat(
        FormatPlural(generator.unsent, "message"),
        generator.unsent == 1 ? " was" : " were",
        " due and never sent, for want of room in the window: the load was "
        "less than asked. Their waiting is in the latencies."));
  }
  if (!generator.punctual()) {
    findings->push_back(absl::StrCat(
        "The load generator was late (p99 ",
        FormatNanoseconds(
            static_cast<double>(generator.lateness.ValueAt(0.99))),
        ", over ", FormatNanoseconds(static_cast<double>(generator.limit)),
        "): the figures measure it and not the server."));
  }
}

}  // namespace

std::string DescribeLoad(const Plan& plan) {
  const Options& asked = plan.asked;
  std::string load =
      plan.open_loop()
          ? absl::StrFormat("open loop, %.15g messages/s%s", asked.rate,
                            asked.poisson ? " (Poisson)" : "")
          : "closed loop";
  absl::StrAppend(
      &load, ", ",
      FormatPlural(static_cast<uint64_t>(asked.connections), "connection"),
      " x ",
      FormatPlural(static_cast<uint64_t>(asked.streams_per_connection),
                   "stream"),
      ", window ", FormatCount(asked.max_outstanding), ", ",
      plan.from_input()
          ? absl::StrCat("lines of ", asked.input)
          : absl::StrCat(FormatCount(asked.payload_bytes), "-byte payloads"));
  return load;
}

std::string FormatFigure(const ObjectiveResult& result) {
  switch (result.objective.unit) {
    case Objective::Unit::kNanoseconds:
      return FormatNanoseconds(result.value);
    case Objective::Unit::kPerSecond:
      return absl::StrFormat("%.2f/s", result.value);
    case Objective::Unit::kCount:
      break;
  }
  return absl::StrFormat("%.0f", result.value);
}

Verdict Judge(const Report& report) {
  Verdict verdict;
  switch (report.Exit()) {
    case ExitCode::kOk:
      verdict.word = "OK";
      break;
    case ExitCode::kBehindSchedule:
      verdict.word = "BEHIND";
      break;
    case ExitCode::kSloMissed:
      verdict.word = "SLO MISSED";
      break;
    default:
      verdict.word = "FAILED";
      break;
  }
  AddFailures(report, &verdict.findings);
  if (report.generator) AddSchedule(*report.generator, &verdict.findings);
  for (const ObjectiveResult& result : report.objectives) {
    if (result.held) continue;
    verdict.findings.push_back(
        absl::StrCat("The objective ", result.objective.text,
                     " was missed: ", FormatFigure(result), "."));
  }
  if (verdict.findings.empty()) {
    verdict.findings.push_back(absl::StrCat(
        "Each of ", FormatPlural(report.tally.answered, "message"),
        " was answered exactly once and in order",
        report.objectives.empty() ? "." : ", and every objective held."));
  }
  if (report.interrupted) {
    verdict.findings.emplace_back("The run was stopped before its end.");
  }
  return verdict;
}

}  // namespace msgproc::loadgen
