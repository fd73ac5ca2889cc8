#include "services/base/live/latency_meter.h"

#include "absl/time/time.h"
#include "common/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/atomic_histogram.h"

namespace msgproc::base {
namespace {

using testing::IsNan;

TEST(LatencyMeterTest, MeasuresWhatCameInTheLastSecond) {
  FakeClock clock;
  AtomicHistogram histogram({1, 2, 4});
  histogram.Observe(4, 1000);
  LatencyMeter meter([&histogram] { return histogram.Snapshot(); }, &clock);
  // What was before does not count.
  EXPECT_THAT(meter.Read().p50, IsNan());
  histogram.Observe(2, 100);
  clock.Advance(absl::Milliseconds(999));
  EXPECT_THAT(meter.Read().p99, IsNan());
  clock.Advance(absl::Milliseconds(1));
  EXPECT_DOUBLE_EQ(meter.Read().p50, 1.5);
  EXPECT_DOUBLE_EQ(meter.Read().p99, 1.99);
  // Whoever asks soon after is told the same.
  histogram.Observe(4, 100);
  clock.Advance(absl::Milliseconds(500));
  EXPECT_DOUBLE_EQ(meter.Read().p50, 1.5);
  clock.Advance(absl::Milliseconds(500));
  EXPECT_DOUBLE_EQ(meter.Read().p50, 3);
  clock.Advance(absl::Seconds(1));
  EXPECT_THAT(meter.Read().p50, IsNan());
}

}  // namespace
}  // namespace msgproc::base
