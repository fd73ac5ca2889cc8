#ifndef MSGPROC_SERVICES_BASE_ACCEPTOR_METRICS_H_
#define MSGPROC_SERVICES_BASE_ACCEPTOR_METRICS_H_

#include "absl/strings/string_view.h"
#include "services/base/acceptor.h"
#include "services/base/metric_writer.h"

namespace msgproc::base {

// Writes PREFIX_connections, PREFIX_connections_accepted_total and
// PREFIX_connections_rejected_total{reason}.
void WriteAcceptorMetrics(absl::string_view prefix, const AcceptorStats& stats,
                          MetricWriter* writer);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ACCEPTOR_METRICS_H_
