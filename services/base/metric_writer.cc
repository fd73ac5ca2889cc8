#include "services/base/metric_writer.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "common/check.h"

namespace msgproc::base {
namespace {

prometheus::ClientMetric WithLabels(MetricLabels labels) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) {
    metric.label.push_back({std::string(name), std::string(value)});
  }
  return metric;
}

}  // namespace

MetricWriter::Samples& MetricWriter::Samples::Add(MetricLabels labels,
                                                  double value) {
  MSGPROC_CHECK(family_->type != prometheus::MetricType::Histogram);
  prometheus::ClientMetric metric = WithLabels(labels);
  if (family_->type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family_->metric.push_back(std::move(metric));
  return *this;
}

MetricWriter::Samples& MetricWriter::Samples::Add(
    MetricLabels labels, const HistogramSnapshot& snapshot) {
  MSGPROC_CHECK(family_->type == prometheus::MetricType::Histogram);
  MSGPROC_CHECK_EQ(snapshot.counts.size(), snapshot.bounds.size() + 1);
  prometheus::ClientMetric metric = WithLabels(labels);
  uint64_t cumulative = 0;
  for (size_t i = 0; i < snapshot.counts.size(); ++i) {
    cumulative += snapshot.counts[i];
    const double bound = i < snapshot.bounds.size()
                             ? snapshot.bounds[i]
                             : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = snapshot.sum;
  family_->metric.push_back(std::move(metric));
  return *this;
}

MetricWriter::Samples MetricWriter::Counter(absl::string_view name,
                                            absl::string_view help) {
  return Begin(name, help, prometheus::MetricType::Counter);
}

MetricWriter::Samples MetricWriter::Gauge(absl::string_view name,
                                          absl::string_view help) {
  return Begin(name, help, prometheus::MetricType::Gauge);
}

MetricWriter::Samples MetricWriter::Histogram(absl::string_view name,
                                              absl::string_view help) {
  return Begin(name, help, prometheus::MetricType::Histogram);
}

MetricWriter::Samples MetricWriter::Begin(absl::string_view name,
                                          absl::string_view help,
                                          prometheus::MetricType type) {
  MSGPROC_CHECK(!name.empty());
  MSGPROC_CHECK(!help.empty());
  prometheus::MetricFamily family;
  family.name = std::string(name);
  family.help = std::string(help);
  family.type = type;
  families_.push_back(std::move(family));
  return Samples(&families_.back());
}

}  // namespace msgproc::base
