#include "tools/loadgen/report/latency_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/loadgen/report/format.h"

namespace msgproc::loadgen {

std::string LatencyBars(const Histogram& latency) {
  constexpr int kBars = 10;
  constexpr uint64_t kWidth = 40;
  const auto low = static_cast<double>(std::max<int64_t>(1, latency.min()));
  const auto high = static_cast<double>(latency.max());
  const int bars = high / low < 1.01 ? 1 : kBars;
  std::vector<uint64_t> counts;
  std::vector<double> bounds;
  uint64_t seen = 0;
  for (int i = 1; i <= bars; ++i) {
    const double bound =
        i == bars ? high
                  : low * std::pow(high / low, static_cast<double>(i) / bars);
    const uint64_t through = latency.CountAtMost(std::llround(bound));
    counts.push_back(through - seen);
    bounds.push_back(bound);
    seen = through;
  }
  const uint64_t most = *std::max_element(counts.begin(), counts.end());
  std::string text = "Response time histogram:\n";
  for (int i = 0; i < bars; ++i) {
    absl::StrAppendFormat(
        &text, "  %8s [%s]%s|", FormatNanoseconds(bounds[i]),
        absl::StrCat(counts[i]),
        std::string(12 - absl::StrCat(counts[i]).size(), ' '));
    for (uint64_t j = 0; j < counts[i] * kWidth / most; ++j) text += "∎";
    text += '\n';
  }
  return text;
}

std::string LatencyPercentiles(const Histogram& latency) {
  std::string text = "Latency distribution:\n";
  for (const double percent :
       {10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99}) {
    absl::StrAppendFormat(
        &text, "  %5g %% in %s\n", percent,
        FormatNanoseconds(static_cast<double>(latency.ValueAt(percent / 100))));
  }
  if (latency.clamped() != 0) {
    absl::StrAppend(&text, "  ", FormatCount(latency.clamped()),
                    " beyond one hour, counted as one hour\n");
  }
  return text;
}

}  // namespace msgproc::loadgen
