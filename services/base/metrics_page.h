#ifndef MSGPROC_SERVICES_BASE_METRICS_PAGE_H_
#define MSGPROC_SERVICES_BASE_METRICS_PAGE_H_

#include <prometheus/collectable.h>

#include <string>
#include <vector>

#include "services/base/http_server.h"

namespace msgproc::base {

// What `collectables` hold now, in Prometheus' text format. Families of the
// same name become one; the first one's help and type stand.
std::string MetricsText(
    const std::vector<const prometheus::Collectable*>& collectables);

// MetricsText as an answer to GET /metrics.
HttpResponse MetricsPage(
    const std::vector<const prometheus::Collectable*>& collectables);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_METRICS_PAGE_H_
