#ifndef MSGPROC_TOOLS_COMPARE_COMPARISON_H_
#define MSGPROC_TOOLS_COMPARE_COMPARISON_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/compare/trial.h"

namespace msgproc::compare {

// All trials of one model.
struct ModelTrials {
  std::string name;  // "Model I".
  std::vector<Trial> trials;
};

// "Model III".
std::string ModelName(cluster::Model model);

// What the comparison comes to: the worst of its trials' verdicts ("OK",
// "SLO MISSED", "BEHIND", "FAILED"), and what is wrong in which of them. Never
// without a finding.
struct Verdict {
  std::string word;
  std::vector<std::string> findings;
};
Verdict Judge(const std::vector<ModelTrials>& models);

// First the verdict, then a row a figure, a column a model, each figure the
// median of the model's trials (counts of what went wrong: their sum).
// "relative" is to the first model, trial by trial. For people.
std::string ComparisonTable(const std::vector<ModelTrials>& models);

// The same for programs: {what, verdict, findings, runs: [{name, report, usage,
// events, relative_throughput, medians}]}: medians are the table's, the rest is
// of the trial with the median throughput. What report::MakePage takes.
std::string ComparisonJson(absl::string_view what,
                           const std::vector<ModelTrials>& models);

}  // namespace msgproc::compare

#endif  // MSGPROC_TOOLS_COMPARE_COMPARISON_H_
