#include "services/base/acceptor_metrics.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace msgproc::base {

void WriteAcceptorMetrics(absl::string_view prefix, const AcceptorStats& stats,
                          MetricWriter* writer) {
  writer
      ->Gauge(absl::StrCat(prefix, "_connections"),
              "Open connections, those included that still owe a PROXY header.")
      .Add({}, static_cast<double>(stats.open));
  writer
      ->Counter(absl::StrCat(prefix, "_connections_accepted_total"),
                "Connections accepted and served.")
      .Add({}, static_cast<double>(stats.accepted));
  MetricWriter::Samples rejected =
      writer->Counter(absl::StrCat(prefix, "_connections_rejected_total"),
                      "Connections closed instead of served.");
  for (size_t i = 0; i < stats.rejected.size(); ++i) {
    rejected.Add({{"reason", RejectionName(static_cast<Rejection>(i))}},
                 static_cast<double>(stats.rejected[i]));
  }
}

}  // namespace msgproc::base
