#ifndef MSGPROC_SERVICES_BASE_METRIC_WRITER_H_
#define MSGPROC_SERVICES_BASE_METRIC_WRITER_H_

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/base/atomic_histogram.h"

namespace msgproc::base {

using MetricLabels =
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// Builds what a prometheus::Collectable returns from plain numbers.
//
//   MetricWriter writer;
//   writer.Counter("requests_total", "Requests answered.")
//       .Add({{"outcome", "ok"}}, ok)
//       .Add({{"outcome", "error"}}, failed);
//   writer.Gauge("streams", "Open streams.").Add({}, streams);
//   return writer.Take();
//
// One thread's. Nothing here validates names: `promtool check metrics` does.
class MetricWriter {
 public:
  // The samples of one metric. Valid until the writer's next metric begins.
  class Samples {
   public:
    Samples& Add(MetricLabels labels, double value);
    // For a histogram.
    Samples& Add(MetricLabels labels, const HistogramSnapshot& snapshot);

   private:
    friend class MetricWriter;
    explicit Samples(prometheus::MetricFamily* family) : family_(family) {}
    prometheus::MetricFamily* family_;
  };

  Samples Counter(absl::string_view name, absl::string_view help);
  Samples Gauge(absl::string_view name, absl::string_view help);
  Samples Histogram(absl::string_view name, absl::string_view help);

  // All that was written; the writer is empty again.
  std::vector<prometheus::MetricFamily> Take() {
    return std::exchange(families_, {});
  }

 private:
  Samples Begin(absl::string_view name, absl::string_view help,
                prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_METRIC_WRITER_H_
