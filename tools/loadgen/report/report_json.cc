#include "tools/loadgen/report/report_json.h"

#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "tools/loadgen/report/verdict.h"

namespace msgproc::loadgen {
namespace {

// Keeps the order in which names are written below.
using Json = nlohmann::ordered_json;

// More digits than were measured only get in the way.
double Rounded(double value, double unit) {
  return std::round(value / unit) * unit;
}

double Microseconds(double nanoseconds) {
  return std::round(nanoseconds) / 1e3;
}
double Microseconds(int64_t nanoseconds) {
  return Microseconds(static_cast<double>(nanoseconds));
}

// What is not valid UTF-8 in a server's words must not break the document.
std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json Latency(const Histogram& latency) {
  return {{"p50", Microseconds(latency.ValueAt(0.5))},
          {"p90", Microseconds(latency.ValueAt(0.9))},
          {"p99", Microseconds(latency.ValueAt(0.99))},
          {"p999", Microseconds(latency.ValueAt(0.999))},
          {"p9999", Microseconds(latency.ValueAt(0.9999))},
          {"max", Microseconds(latency.max())},
          {"mean", Microseconds(latency.Mean())},
          {"min", Microseconds(latency.min())}};
}

// Half of what is left to 100 % at every step, as HdrHistogram plots want it.
Json PercentileCurve(const Histogram& latency) {
  Json points = Json::array();
  if (latency.count() == 0) return points;
  constexpr int kStepsPerHalving = 4;
  const double last = 1 - 1 / static_cast<double>(latency.count());
  for (int i = 0;; ++i) {
    const double quantile =
        1 - std::pow(2, -i / static_cast<double>(kStepsPerHalving));
    if (quantile > last) break;
    points.push_back({{"percentile", Rounded(quantile * 100, 1e-6)},
                      {"us", Microseconds(latency.ValueAt(quantile))}});
  }
  points.push_back({{"percentile", 100}, {"us", Microseconds(latency.max())}});
  return points;
}

Json Counts(const Tally& tally) {
  return {{"messages", tally.sent},
          {"answered", tally.answered},
          {"lost", tally.lost()},
          {"duplicated", tally.duplicated},
          {"failed", tally.failed},
          {"wrong", tally.wrong},
          {"out_of_order", tally.out_of_order}};
}

Json Errors(const Report& report) {
  Json errors = Json::array();
  for (const auto& [key, times] : report.tally.errors) {
    errors.push_back({{"code", absl::StatusCodeToString(key.first)},
                      {"message", key.second},
                      {"count", times}});
  }
  return errors;
}

Json Servers(const Report& report) {
  Json servers = Json::object();
  for (const auto& [id, share] : report.servers) {
    servers[id] = {{"address", share.address},
                   {"messages", share.messages},
                   {"streams", share.streams}};
  }
  return servers;
}

Json Generator(const GeneratorRecord& generator) {
  return {{"lateness_us", Latency(generator.lateness)},
          {"lateness_limit_us", Microseconds(generator.limit)},
          {"held", generator.held},
          {"unsent", generator.unsent},
          {"kept_schedule", generator.kept_schedule()}};
}

Json Objectives(const Report& report) {
  Json objectives = Json::array();
  for (const ObjectiveResult& result : report.objectives) {
    const bool is_time = result.objective.unit == Objective::Unit::kNanoseconds;
    objectives.push_back(
        {{"objective", result.objective.text},
         {is_time ? "value_us" : "value",
          is_time ? Microseconds(result.value) : Rounded(result.value, 0.01)},
         {"figure", FormatFigure(result)},
         {"held", result.held}});
  }
  return objectives;
}

Json Series(const Report& report) {
  Json rows = Json::array();
  for (const TimeSeries::Row& row : report.series) {
    const double seconds = static_cast<double>(row.width) / 1e9;
    rows.push_back(
        {{"start", Rounded(static_cast<double>(row.start) / 1e9, 1e-6)},
         {"seconds", Rounded(seconds, 1e-6)},
         {"messages", row.count},
         {"messages_per_second",
          Rounded(static_cast<double>(row.count) / seconds, 0.01)},
         {"p50_us", Microseconds(row.p50)},
         {"p90_us", Microseconds(row.p90)},
         {"p99_us", Microseconds(row.p99)},
         {"p999_us", Microseconds(row.p999)},
         {"max_us", Microseconds(row.max)}});
  }
  return rows;
}

Json Run(const Report& report) {
  const Plan& plan = report.plan;
  const Options& asked = plan.asked;
  Json run = {{"target", report.where},
              {"embedded", report.embedded},
              {"load", DescribeLoad(plan)},
              {"version", report.version},
              {"machine", report.machine},
              {"mode", plan.open_loop() ? "open" : "closed"},
              {"connections", asked.connections},
              {"streams_per_connection", asked.streams_per_connection},
              {"max_outstanding", asked.max_outstanding},
              {"handler", asked.handler},
              {"payload_checked", plan.expectation != Expectation::kUnchecked},
              {"client_name", asked.client_name},
              {"tls", plan.uses_tls()},
              {"seed", asked.seed},
              {"started_at_ms", report.started_at},
              {"interrupted", report.interrupted}};
  if (plan.measured.messages != Phase::kUnlimited) {
    run["n"] = plan.measured.messages;
  }
  if (plan.measured.duration != absl::InfiniteDuration()) {
    run["duration_seconds"] = absl::ToDoubleSeconds(plan.measured.duration);
  }
  if (plan.from_input()) {
    run["input"] = asked.input;
  } else {
    run["payload_bytes"] = asked.payload_bytes;
  }
  if (plan.open_loop()) {
    run["rate"] = asked.rate;
    run["arrivals"] = asked.poisson ? "poisson" : "uniform";
  }
  if (asked.max_batch != 0) run["max_batch"] = asked.max_batch;
  if (!plan.warmup.empty()) run["warmup"] = asked.warmup;
  return run;
}

Json WholeReport(const Report& report) {
  const Verdict verdict = Judge(report);
  Json json = {{"verdict", verdict.word}, {"findings", verdict.findings}};
  json.update(Counts(report.tally));
  json["unsent"] = report.unsent();
  json["seconds"] = Rounded(report.seconds, 1e-9);
  json["cpu_seconds"] = Rounded(report.cpu_seconds, 1e-9);
  json["messages_per_second"] = Rounded(report.MessagesPerSecond(), 0.01);
  json["latency_us"] = Latency(report.latency);
  json["interruptions"] = {
      {"count", report.interruptions.count},
      {"longest_ms", Microseconds(report.interruptions.longest) / 1e3}};
  json["servers"] = Servers(report);
  json["fairness"] = Rounded(JainsFairness(report.servers), 1e-4);
  json["run"] = Run(report);
  json["exit_code"] = static_cast<int>(report.Exit());
  json["errors"] = Errors(report);
  json["stream_errors"] = report.stream_errors;
  json["problems"] = report.problems;
  if (!report.tally.first_wrong.empty()) {
    json["first_wrong"] = report.tally.first_wrong;
  }
  if (report.warmup.sent != 0) json["warmup"] = Counts(report.warmup);
  if (report.generator) json["generator"] = Generator(*report.generator);
  if (!report.objectives.empty()) json["objectives"] = Objectives(report);
  json["percentiles"] = PercentileCurve(report.latency);
  json["time_series"] = Series(report);
  return json;
}

}  // namespace

std::string JsonReport(const Report& report) {
  return Dump(WholeReport(report));
}

std::string JsonForPage(const Report& report) {
  Json whole = WholeReport(report);
  Json page = {{"what", "msgproc-loadgen"},
               {"verdict", whole["verdict"]},
               {"findings", whole["findings"]}};
  page["runs"] = Json::array({{{"name", "Run"}, {"report", std::move(whole)}}});
  return Dump(page);
}

}  // namespace msgproc::loadgen
