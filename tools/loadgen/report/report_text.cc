#include "tools/loadgen/report/report_text.h"

#include <cstdint>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/setting_name.h"
#include "tools/loadgen/report/format.h"
#include "tools/loadgen/report/latency_text.h"
#include "tools/loadgen/report/verdict.h"

namespace msgproc::loadgen {
namespace {

std::string VerdictText(const Report& report) {
  const Verdict verdict = Judge(report);
  std::string text = absl::StrCat("Verdict: ", verdict.word, "\n");
  for (const std::string& finding : verdict.findings) {
    absl::StrAppend(&text, "  ", finding, "\n");
  }
  return text + "\n";
}

std::string Summary(const Report& report) {
  std::string text = "Summary:\n";
  const auto line = [&text](absl::string_view name, absl::string_view value) {
    absl::StrAppendFormat(&text, "  %-14s%s\n", absl::StrCat(name, ":"), value);
  };
  line("Target", report.embedded
                     ? absl::StrCat(report.where, " (embedded processor)")
                     : report.where);
  line("Load", DescribeLoad(report.plan));
  line("Messages",
       report.unsent() == 0
           ? FormatCount(report.tally.sent)
           : absl::StrCat(FormatCount(report.tally.sent), " sent of ",
                          FormatCount(report.tally.sent + report.unsent()),
                          " that were due"));
  if (report.sent_before != 0) {
    line("Earlier runs",
         absl::StrCat(FormatPlural(report.sent_before, "message"),
                      " sent, by the outbox"));
  }
  line("Total", FormatNanoseconds(report.seconds * 1e9));
  if (report.latency.count() != 0) {
    line("Slowest",
         FormatNanoseconds(static_cast<double>(report.latency.max())));
    line("Fastest",
         FormatNanoseconds(static_cast<double>(report.latency.min())));
    line("Average", FormatNanoseconds(report.latency.Mean()));
  }
  line("Messages/sec", absl::StrFormat("%.2f", report.MessagesPerSecond()));
  if (report.interrupted) line("Note", "stopped by a signal before its end");
  return text;
}

std::string Statuses(const Report& report) {
  std::string text = "\nStatus code distribution:\n";
  std::map<absl::StatusCode, uint64_t> by_code;
  if (report.tally.succeeded() != 0) {
    by_code[absl::StatusCode::kOk] = report.tally.succeeded();
  }
  for (const auto& [key, times] : report.tally.errors) {
    by_code[key.first] += times;
  }
  for (const auto& [code, times] : by_code) {
    absl::StrAppendFormat(&text, "  [%s] %s\n", absl::StatusCodeToString(code),
                          FormatPlural(times, "result"));
  }
  if (!report.tally.errors.empty() || !report.stream_errors.empty() ||
      !report.problems.empty()) {
    text += "\nError distribution:\n";
  }
  for (const auto& [key, times] : report.tally.errors) {
    absl::StrAppendFormat(&text, "  [%s] %s: %s\n", FormatCount(times),
                          absl::StatusCodeToString(key.first), key.second);
  }
  for (const auto& [error, times] : report.stream_errors) {
    absl::StrAppendFormat(&text, "  [%s] ended early: %s\n",
                          FormatPlural(times, "stream"), error);
  }
  for (const std::string& problem : report.problems) {
    absl::StrAppend(&text, "  ", problem, "\n");
  }
  return text;
}

std::string Waiting(uint64_t messages) {
  if (messages == 0) return "";
  return absl::StrCat("  With ", FormatPlural(messages, "message"),
                      " that got no result: they count with as long as they "
                      "waited.\n");
}

std::string TallyLine(const Tally& tally) {
  return absl::StrFormat(
      "%s lost, %s duplicated, %s failed, %s wrong, %s out of order",
      FormatCount(tally.lost()), FormatCount(tally.duplicated),
      FormatCount(tally.failed), FormatCount(tally.wrong),
      FormatCount(tally.out_of_order));
}

std::string Verification(const Report& report) {
  const Plan& plan = report.plan;
  std::string text = "\nVerification:\n  Checked:      id once, in order, ";
  if (plan.expectation == Expectation::kUnchecked) {
    absl::StrAppend(&text, "but NOT the payload (what ",
                    plan.asked.handler.empty()
                        ? "the server's default handler"
                        : absl::StrCat("\"", plan.asked.handler, "\""),
                    " makes is not known)\n");
  } else {
    absl::StrAppend(&text, "payload as \"", plan.asked.handler,
                    "\" makes it\n");
  }
  absl::StrAppend(&text, "  Found:        ", TallyLine(report.tally), "\n");
  if (!report.tally.first_wrong.empty()) {
    absl::StrAppend(&text, "  First:        ", report.tally.first_wrong, "\n");
  }
  if (report.warmup.sent != 0) {
    absl::StrAppend(
        &text, "  Warm-up:      ", FormatPlural(report.warmup.sent, "message"),
        ", ", TallyLine(report.warmup), "\n");
  }
  absl::StrAppend(&text, "  Interrupted:  ",
                  FormatPlural(report.interruptions.count, "time"));
  if (report.interruptions.count != 0) {
    absl::StrAppend(
        &text, ", longest ",
        FormatNanoseconds(static_cast<double>(report.interruptions.longest)));
  }
  return text + "\n";
}

std::string Servers(const std::map<std::string, ServerShare>& servers) {
  if (servers.empty()) return "";
  std::string text = "\nServers:\n";
  for (const auto& [id, share] : servers) {
    absl::StrAppendFormat(&text, "  %s (%s): %s, %s\n", id, share.address,
                          FormatPlural(share.messages, "message"),
                          FormatPlural(share.streams, "stream"));
  }
  if (servers.size() > 1) {
    absl::StrAppendFormat(&text, "  Jain's fairness index: %.4f\n",
                          JainsFairness(servers));
  }
  return text;
}

std::string Generator(const GeneratorRecord& generator,
                      const base::SettingName& name) {
  const auto format = [&](double quantile) {
    return FormatNanoseconds(
        static_cast<double>(generator.lateness.ValueAt(quantile)));
  };
  std::string text =
      absl::StrFormat("\nGenerator:\n  Lateness:     p50 %s, p99 %s, max %s\n",
                      format(0.5), format(0.99), format(1));
  if (generator.held != 0) {
    absl::StrAppend(&text,
                    "  Held back:    ", FormatPlural(generator.held, "message"),
                    " by a full window (their latency counts from the "
                    "intended time)\n");
  }
  if (generator.unsent != 0) {
    absl::StrAppend(
        &text, "  UNSENT:       ", FormatPlural(generator.unsent, "message"),
        generator.unsent == 1 ? " was" : " were",
        " due and never sent: the server left no room in the window.\n"
        "                Their waiting until the end of the run is in the "
        "latencies.\n");
  }
  if (!generator.punctual()) {
    absl::StrAppend(&text, "  BEHIND:       the p99 of the lateness is over ",
                    FormatNanoseconds(static_cast<double>(generator.limit)),
                    ": these figures measure the generator.\n"
                    "                Lower ",
                    name("rate"), ", or give it more CPU.\n");
  }
  return text;
}

std::string Objectives(const std::vector<ObjectiveResult>& objectives) {
  if (objectives.empty()) return "";
  std::string text = "\nObjectives:\n";
  for (const ObjectiveResult& result : objectives) {
    absl::StrAppendFormat(&text, "  [%s] %s (%s)\n",
                          result.held ? "held" : "MISSED",
                          result.objective.text, FormatFigure(result));
  }
  return text;
}

}  // namespace

std::string TextReport(const Report& report) {
  std::string text = VerdictText(report) + Summary(report);
  if (report.latency.count() != 0) {
    absl::StrAppend(&text, "\n", LatencyBars(report.latency), "\n",
                    LatencyPercentiles(report.latency),
                    Waiting(report.tally.lost() + report.unsent()));
  }
  absl::StrAppend(&text, Statuses(report), Verification(report),
                  Servers(report.servers));
  if (report.generator)
    absl::StrAppend(
        &text, Generator(*report.generator, report.plan.asked.setting_name));
  absl::StrAppend(&text, Objectives(report.objectives));
  return text;
}

}  // namespace msgproc::loadgen
