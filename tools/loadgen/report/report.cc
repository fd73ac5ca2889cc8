#include "tools/loadgen/report/report.h"

#include <algorithm>

namespace msgproc::loadgen {

double Report::MessagesPerSecond() const {
  return seconds > 0 ? static_cast<double>(tally.answered) / seconds : 0;
}

double Report::Figure(const Objective& objective) const {
  if (objective.is_percentile) {
    return static_cast<double>(latency.ValueAt(objective.quantile));
  }
  const std::map<std::string, double> figures = {
      {"max", static_cast<double>(latency.max())},
      {"mean", latency.Mean()},
      {"lateness",
       generator ? static_cast<double>(generator->lateness.ValueAt(0.99)) : 0},
      {"longest_interruption", static_cast<double>(interruptions.longest)},
      {"throughput", MessagesPerSecond()},
      {"messages", static_cast<double>(tally.sent)},
      {"answered", static_cast<double>(tally.answered)},
      {"failed", static_cast<double>(tally.failed)},
      {"lost", static_cast<double>(tally.lost())},
      {"unsent", static_cast<double>(unsent())},
      {"duplicated", static_cast<double>(tally.duplicated)},
      {"wrong", static_cast<double>(tally.wrong + tally.out_of_order)},
      {"interruptions", static_cast<double>(interruptions.count)},
  };
  return figures.at(objective.figure);
}

bool Report::Clean() const {
  return tally.clean() && warmup.clean() && stream_errors.empty() &&
         problems.empty();
}

ExitCode Report::Exit() const {
  if (!Clean() || (tally.answered == 0 && sent_before == 0))
    return ExitCode::kFailed;
  if (generator && !generator->kept_schedule()) {
    return ExitCode::kBehindSchedule;
  }
  const bool held =
      std::all_of(objectives.begin(), objectives.end(),
                  [](const ObjectiveResult& result) { return result.held; });
  return held ? ExitCode::kOk : ExitCode::kSloMissed;
}

double JainsFairness(const std::map<std::string, ServerShare>& servers) {
  double sum = 0;
  double sum_of_squares = 0;
  for (const auto& [id, share] : servers) {
    const auto messages = static_cast<double>(share.messages);
    sum += messages;
    sum_of_squares += messages * messages;
  }
  if (sum_of_squares == 0) return 1;
  return sum * sum / (static_cast<double>(servers.size()) * sum_of_squares);
}

}  // namespace msgproc::loadgen
