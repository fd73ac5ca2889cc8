#include "tools/compare/comparison.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/check.h"

namespace msgproc::compare {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRate = "/messages_per_second";

double MedianOf(const std::vector<double>& values) {
  if (values.empty()) return 0;
  const size_t middle = values.size() / 2;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() % 2 == 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

double SumOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// A line of the table.
struct Row {
  const char* name;
  std::function<double(const Trial&)> value;
  const char* format;
  double (*over)(const std::vector<double>&);
};

std::function<double(const Trial&)> Of(const char* pointer) {
  return [pointer](const Trial& trial) { return trial.Figure(pointer); };
}

const std::vector<Row>& Rows() {
  static const auto* const rows = [] {
    const auto mebibytes = [](const cluster::ProcessUsage& usage) {
      return static_cast<double>(usage.resident_bytes) / (1 << 20);
    };
    return new std::vector<Row>{
        {"messages", Of("/messages"), "%.0f", MedianOf},
        {"unsent", Of("/unsent"), "%.0f", SumOf},
        {"lost", Of("/lost"), "%.0f", SumOf},
        {"duplicated", Of("/duplicated"), "%.0f", SumOf},
        {"failed", Of("/failed"), "%.0f", SumOf},
        {"wrong", Of("/wrong"), "%.0f", SumOf},
        {"out of order", Of("/out_of_order"), "%.0f", SumOf},
        {"messages/s", Of(kRate), "%.0f", MedianOf},
        {"p50 (us)", Of("/latency_us/p50"), "%.0f", MedianOf},
        {"p90 (us)", Of("/latency_us/p90"), "%.0f", MedianOf},
        {"p99 (us)", Of("/latency_us/p99"), "%.0f", MedianOf},
        {"p99.9 (us)", Of("/latency_us/p999"), "%.0f", MedianOf},
        {"max (us)", Of("/latency_us/max"), "%.0f", MedianOf},
        {"CPU client (us/msg)",
         [](const Trial& t) { return t.CpuMicroseconds(t.client_cpu); }, "%.2f",
         MedianOf},
        {"CPU servers (us/msg)",
         [](const Trial& t) { return t.CpuMicroseconds(t.servers.cpu); },
         "%.2f", MedianOf},
        {"CPU front (us/msg)",
         [](const Trial& t) { return t.CpuMicroseconds(t.front.cpu); }, "%.2f",
         MedianOf},
        {"memory servers (MiB)",
         [=](const Trial& t) { return mebibytes(t.servers); }, "%.1f",
         MedianOf},
        {"memory front (MiB)",
         [=](const Trial& t) { return mebibytes(t.front); }, "%.1f", MedianOf},
        {"fairness (Jain)", Of("/fairness"), "%.3f", MedianOf},
        {"interruptions", Of("/interruptions/count"), "%.0f", MedianOf},
        {"longest gap (ms)", Of("/interruptions/longest_ms"), "%.0f", MedianOf},
    };
  }();
  return *rows;
}

double Value(const Row& row, const ModelTrials& model) {
  std::vector<double> values;
  values.reserve(model.trials.size());
  for (const Trial& trial : model.trials) values.push_back(row.value(trial));
  return row.over(values);
}

// The median of what each trial has of the first model's beside it: what else
// the machine did meanwhile met both.
double RatioToFirst(const std::vector<ModelTrials>& models,
                    const ModelTrials& model) {
  MSGPROC_CHECK(!models.empty());
  const std::vector<Trial>& first = models.front().trials;
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(first.size(), model.trials.size()); ++i) {
    const double rate = first[i].Figure(kRate);
    if (rate > 0) ratios.push_back(model.trials[i].Figure(kRate) / rate);
  }
  return MedianOf(ratios);
}

// How bad a verdict is: what happened to messages, then a load that was not the
// one asked for, then missed objectives.
int Gravity(absl::string_view word) {
  constexpr absl::string_view kFromBest[] = {"OK", "SLO MISSED", "BEHIND"};
  const auto* const found =
      std::find(std::begin(kFromBest), std::end(kFromBest), word);
  return static_cast<int>(found - std::begin(kFromBest));
}

std::string Format(const Row& row, double value) {
  const auto format = absl::ParsedFormat<'f'>::New(row.format);
  MSGPROC_CHECK(format != nullptr);
  return absl::StrFormat(*format, value);
}

Json Run(const std::vector<ModelTrials>& models, const ModelTrials& model) {
  const Trial& trial = Median(model.trials);
  Json events = Json::array();
  for (const Trial::Event& event : trial.events) {
    events.push_back({{"at", event.at}, {"what", event.what}});
  }
  Json medians = {{"throughput, relative", RatioToFirst(models, model)}};
  for (const Row& row : Rows()) medians[row.name] = Value(row, model);
  return {{"name", model.name},
          {"report", trial.report},
          {"usage",
           {{"client_cpu_us", trial.CpuMicroseconds(trial.client_cpu)},
            {"servers_cpu_us", trial.CpuMicroseconds(trial.servers.cpu)},
            {"front_cpu_us", trial.CpuMicroseconds(trial.front.cpu)},
            {"servers_bytes", trial.servers.resident_bytes},
            {"front_bytes", trial.front.resident_bytes}}},
          {"events", std::move(events)},
          {"trials", model.trials.size()},
          {"relative_throughput", RatioToFirst(models, model)},
          {"medians", std::move(medians)}};
}

}  // namespace

std::string ModelName(cluster::Model model) {
  constexpr const char* kNames[] = {"Model I", "Model II", "Model III",
                                    "Model IV"};
  MSGPROC_CHECK_GE(static_cast<int>(model), 1);
  MSGPROC_CHECK_LE(static_cast<int>(model), 4);
  return kNames[static_cast<int>(model) - 1];
}

Verdict Judge(const std::vector<ModelTrials>& models) {
  Verdict verdict{"OK", {}};
  for (const ModelTrials& model : models) {
    for (size_t i = 0; i < model.trials.size(); ++i) {
      const Trial& trial = model.trials[i];
      const std::string word = trial.Word();
      if (Gravity(word) > Gravity(verdict.word)) verdict.word = word;
      if (word == "OK") continue;
      for (const std::string& finding : trial.Findings()) {
        verdict.findings.push_back(absl::StrCat(model.name, ", run ", i + 1,
                                                ": ", word, ": ", finding));
      }
    }
  }
  if (verdict.findings.empty()) {
    verdict.findings.emplace_back(
        "In every run each message was answered exactly once and in order.");
  }
  return verdict;
}

std::string ComparisonTable(const std::vector<ModelTrials>& models) {
  const Verdict verdict = Judge(models);
  std::string text = absl::StrCat("Verdict: ", verdict.word, "\n");
  for (const std::string& finding : verdict.findings) {
    absl::StrAppend(&text, "  ", finding, "\n");
  }
  absl::StrAppend(&text, "\n", absl::StrFormat("%-22s", ""));
  for (const ModelTrials& model : models) {
    absl::StrAppendFormat(&text, "%12s", model.name);
  }
  absl::StrAppendFormat(&text, "\n%-22s", "throughput, relative");
  for (const ModelTrials& model : models) {
    absl::StrAppendFormat(&text, "%12.2f", RatioToFirst(models, model));
  }
  for (const Row& row : Rows()) {
    absl::StrAppendFormat(&text, "\n%-22s", row.name);
    for (const ModelTrials& model : models) {
      absl::StrAppendFormat(&text, "%12s", Format(row, Value(row, model)));
    }
  }
  return text + "\n";
}

std::string ComparisonJson(absl::string_view what,
                           const std::vector<ModelTrials>& models) {
  Json runs = Json::array();
  for (const ModelTrials& model : models) {
    if (!model.trials.empty()) runs.push_back(Run(models, model));
  }
  const Verdict verdict = Judge(models);
  const Json json = {{"what", std::string(what)},
                     {"verdict", verdict.word},
                     {"findings", verdict.findings},
                     {"runs", std::move(runs)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace msgproc::compare
