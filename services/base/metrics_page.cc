#include "services/base/metrics_page.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstddef>
#include <iterator>
#include <unordered_map>
#include <utility>

namespace msgproc::base {

std::string MetricsText(
    const std::vector<const prometheus::Collectable*>& collectables) {
  std::vector<prometheus::MetricFamily> families;
  std::unordered_map<std::string, size_t> index_of;
  for (const prometheus::Collectable* collectable : collectables) {
    if (collectable == nullptr) continue;
    for (prometheus::MetricFamily& family : collectable->Collect()) {
      const auto [found, fresh] =
          index_of.emplace(family.name, families.size());
      if (fresh) {
        families.push_back(std::move(family));
        continue;
      }
      auto& metrics = families[found->second].metric;
      metrics.insert(metrics.end(),
                     std::make_move_iterator(family.metric.begin()),
                     std::make_move_iterator(family.metric.end()));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

HttpResponse MetricsPage(
    const std::vector<const prometheus::Collectable*>& collectables) {
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          MetricsText(collectables)};
}

}  // namespace msgproc::base
