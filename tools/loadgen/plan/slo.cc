#include "tools/loadgen/plan/slo.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "services/base/flag_value.h"

namespace msgproc::loadgen {
namespace {

using Unit = Objective::Unit;
using Comparison = Objective::Comparison;

constexpr std::array<std::pair<absl::string_view, Unit>, 13> kFigures = {{
    {"max", Unit::kNanoseconds},
    {"mean", Unit::kNanoseconds},
    {"lateness", Unit::kNanoseconds},
    {"longest_interruption", Unit::kNanoseconds},
    {"throughput", Unit::kPerSecond},
    {"messages", Unit::kCount},
    {"answered", Unit::kCount},
    {"failed", Unit::kCount},
    {"lost", Unit::kCount},
    {"unsent", Unit::kCount},
    {"duplicated", Unit::kCount},
    {"wrong", Unit::kCount},
    {"interruptions", Unit::kCount},
}};

// The two-letter ones first: "<=" begins with "<".
constexpr std::pair<absl::string_view, Comparison> kComparisons[] = {
    {"<=", Comparison::kAtMost}, {">=", Comparison::kAtLeast},
    {"==", Comparison::kEqual},  {"<", Comparison::kLess},
    {">", Comparison::kGreater}, {"=", Comparison::kEqual}};

absl::Status Bad(absl::string_view objective, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", objective, "\": ", why,
      ". Write a figure, a comparison and a bound, as in \"p99<5ms\", "
      "\"throughput>=100k\" or \"failed<=0\"."));
}

// "p99" is 0.99, "p99.9" and "p999" are 0.999. Nothing: not a percentile.
std::optional<double> ParsePercentile(absl::string_view figure) {
  if (!absl::ConsumePrefix(&figure, "p")) return std::nullopt;
  for (const char c : figure) {
    if (c != '.' && !absl::ascii_isdigit(c)) return std::nullopt;
  }
  double percent = 0;
  if (!absl::SimpleAtod(figure, &percent)) return std::nullopt;
  if (absl::StrContains(figure, ".") || figure.size() <= 2) {
    return percent / 100;
  }
  if (figure == "100") return 1;
  if (figure.front() != '9') return std::nullopt;  // "p101" is no p10.1.
  return percent / std::pow(10, figure.size());
}

bool ParseFigure(absl::string_view figure, Objective* objective) {
  objective->figure = std::string(figure);
  for (const auto& [name, unit] : kFigures) {
    if (figure == name) {
      objective->unit = unit;
      return true;
    }
  }
  const std::optional<double> quantile = ParsePercentile(figure);
  if (!quantile.has_value() || *quantile > 1) return false;
  objective->quantile = *quantile;
  objective->is_percentile = true;
  objective->unit = Unit::kNanoseconds;
  return true;
}

bool ParseBound(absl::string_view text, Objective* objective) {
  if (objective->unit != Unit::kNanoseconds) {
    const std::optional<double> count = base::ParseCount(text);
    objective->bound = count.value_or(0);
    return count.has_value();
  }
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) return false;
  objective->bound = absl::ToDoubleNanoseconds(duration);
  return true;
}

absl::StatusOr<Objective> ParseOne(absl::string_view text) {
  Objective objective;
  objective.text = std::string(text);
  const size_t at = text.find_first_of("<>=");
  if (at == absl::string_view::npos) return Bad(text, "no comparison");
  if (!ParseFigure(absl::StripAsciiWhitespace(text.substr(0, at)),
                   &objective)) {
    return Bad(text, absl::StrCat("unknown figure \"", text.substr(0, at),
                                  "\" (known: pN, max, mean, throughput, "
                                  "failed, lost, unsent, duplicated, wrong, "
                                  "messages, answered, interruptions, "
                                  "longest_interruption, lateness)"));
  }
  absl::string_view rest = text.substr(at);
  for (const auto& [sign, comparison] : kComparisons) {
    if (absl::ConsumePrefix(&rest, sign)) {
      objective.comparison = comparison;
      break;
    }
  }
  rest = absl::StripAsciiWhitespace(rest);
  if (!ParseBound(rest, &objective)) {
    return Bad(text, objective.unit == Unit::kNanoseconds
                         ? absl::StrCat("\"", rest,
                                        "\" is not a time with "
                                        "its unit (ns, us, ms, s, m, h)")
                         : absl::StrCat("\"", rest, "\" is not a number"));
  }
  return objective;
}

}  // namespace

bool Objective::Holds(double value) const {
  switch (comparison) {
    case Comparison::kLess:
      return value < bound;
    case Comparison::kAtMost:
      return value <= bound;
    case Comparison::kGreater:
      return value > bound;
    case Comparison::kAtLeast:
      return value >= bound;
    case Comparison::kEqual:
      return value == bound;
  }
  return false;
}

absl::StatusOr<std::vector<Objective>> ParseObjectives(absl::string_view text) {
  std::vector<Objective> objectives;
  if (absl::StripAsciiWhitespace(text).empty()) return objectives;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    absl::StatusOr<Objective> objective =
        ParseOne(absl::StripAsciiWhitespace(part));
    if (!objective.ok()) return objective.status();
    objectives.push_back(*std::move(objective));
  }
  return objectives;
}

std::vector<ObjectiveResult> Evaluate(
    const std::vector<Objective>& objectives,
    const std::function<double(const Objective&)>& figure) {
  std::vector<ObjectiveResult> results;
  results.reserve(objectives.size());
  for (const Objective& objective : objectives) {
    const double value = figure(objective);
    results.push_back({objective, value, objective.Holds(value)});
  }
  return results;
}

}  // namespace msgproc::loadgen
