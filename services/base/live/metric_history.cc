#include "services/base/live/metric_history.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "common/check.h"

namespace msgproc::base {
namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

}  // namespace

MetricHistory::MetricHistory(const Options& options) : options_(options) {
  MSGPROC_CHECK_GT(options_.figures, 0u);
  MSGPROC_CHECK_GT(options_.samples, 0u);
  MSGPROC_CHECK_GT(options_.subjects, 0u);
}

void MetricHistory::Add(const Sample& sample) {
  const uint64_t number = next_++;
  for (const auto& [subject, values] : sample) {
    MSGPROC_CHECK_EQ(values.size(), options_.figures);
    auto found = series_.find(subject);
    if (found == series_.end()) {
      if (series_.size() == options_.subjects) continue;
      found = series_.emplace(subject, Series()).first;
      found->second.values.assign(options_.samples * options_.figures,
                                  kUnknown);
    }
    Series& series = found->second;
    for (size_t figure = 0; figure < options_.figures; ++figure) {
      series.values[Index(series, number, figure)] =
          static_cast<float>(values[figure]);
    }
    series.end = next_;
  }
  for (auto it = series_.begin(); it != series_.end();) {
    Series& series = it->second;
    if (series.end == next_) {
      ++it;
      continue;
    }
    for (size_t figure = 0; figure < options_.figures; ++figure) {
      series.values[Index(series, number, figure)] = kUnknown;
    }
    it = series.end <= oldest() ? series_.erase(it) : std::next(it);
  }
}

uint64_t MetricHistory::oldest() const {
  return next_ - std::min<uint64_t>(next_, options_.samples);
}

std::vector<std::string> MetricHistory::Subjects() const {
  std::vector<std::string> subjects;
  subjects.reserve(series_.size());
  for (const auto& [subject, series] : series_) subjects.push_back(subject);
  return subjects;
}

std::vector<double> MetricHistory::Values(const std::string& subject,
                                          size_t figure, uint64_t begin) const {
  MSGPROC_CHECK_LT(figure, options_.figures);
  std::vector<double> values;
  const auto found = series_.find(subject);
  if (found == series_.end()) return values;
  const Series& series = found->second;
  for (uint64_t number = std::max(begin, oldest()); number < next_; ++number) {
    values.push_back(series.values[Index(series, number, figure)]);
  }
  return values;
}

size_t MetricHistory::Index(const Series& series, uint64_t number,
                            size_t figure) const {
  const size_t index =
      static_cast<size_t>(number % options_.samples) * options_.figures +
      figure;
  MSGPROC_CHECK_LT(index, series.values.size());
  return index;
}

}  // namespace msgproc::base
