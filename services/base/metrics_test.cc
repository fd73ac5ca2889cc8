// What a scraper sees: the metric writer, the histogram, and the collectables
// that every server has, on one page.
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/acceptor_metrics.h"
#include "services/base/atomic_histogram.h"
#include "services/base/build_info.h"
#include "services/base/method_metrics.h"
#include "services/base/metric_writer.h"
#include "services/base/metrics_page.h"
#include "services/base/process_metrics.h"
#include "services/base/sharded_counter.h"

namespace msgproc::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Serves what a test has written.
class Written final : public prometheus::Collectable {
 public:
  explicit Written(std::vector<prometheus::MetricFamily> families)
      : families_(std::move(families)) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    return families_;
  }

 private:
  const std::vector<prometheus::MetricFamily> families_;
};

// The value of a line "NAME VALUE"; -1 when there is none.
double ValueOf(const std::string& text, const std::string& name) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    double value = 0;
    if (absl::StartsWith(line, absl::StrCat(name, " ")) &&
        absl::SimpleAtod(line.substr(name.size() + 1), &value)) {
      return value;
    }
  }
  return -1;
}

TEST(MetricWriterTest, WritesCountersGaugesAndHistograms) {
  AtomicHistogram histogram({0.5, 1});
  histogram.Observe(0.5);
  histogram.Observe(0.75, 2);
  histogram.Observe(7);
  MetricWriter writer;
  writer.Counter("a_total", "First.")
      .Add({{"outcome", "ok"}}, 3)
      .Add({{"outcome", "error"}}, 1);
  writer.Gauge("b", "Second.").Add({}, -2.5);
  writer.Histogram("c_seconds", "Third.").Add({}, histogram.Snapshot());
  const Written written(writer.Take());
  EXPECT_TRUE(writer.Take().empty());
  const std::string text = MetricsText({&written});
  EXPECT_THAT(text, HasSubstr("# TYPE a_total counter\n"));
  EXPECT_THAT(text, HasSubstr("# HELP b Second.\n"));
  EXPECT_EQ(ValueOf(text, "a_total{outcome=\"ok\"}"), 3);
  EXPECT_EQ(ValueOf(text, "a_total{outcome=\"error\"}"), 1);
  EXPECT_EQ(ValueOf(text, "b"), -2.5);
  EXPECT_EQ(ValueOf(text, "c_seconds_bucket{le=\"0.5\"}"), 1);
  EXPECT_EQ(ValueOf(text, "c_seconds_bucket{le=\"1\"}"), 3);
  EXPECT_EQ(ValueOf(text, "c_seconds_bucket{le=\"+Inf\"}"), 4);
  EXPECT_EQ(ValueOf(text, "c_seconds_count"), 4);
  EXPECT_EQ(ValueOf(text, "c_seconds_sum"), 9);
}

TEST(MetricsPageTest, FamiliesOfTheSameNameBecomeOne) {
  MetricWriter writer;
  writer.Counter("same_total", "x").Add({{"from", "one"}}, 1);
  const Written one(writer.Take());
  writer.Counter("same_total", "x").Add({{"from", "two"}}, 2);
  const Written two(writer.Take());
  const std::string text = MetricsText({&one, &two});
  EXPECT_EQ(text.find("# TYPE"), text.rfind("# TYPE"));
  EXPECT_EQ(ValueOf(text, "same_total{from=\"two\"}"), 2);
}

TEST(AtomicHistogramTest, ABoundBelongsToItsOwnBucket) {
  AtomicHistogram histogram({1, 2, 4});
  for (const double value : {0.0, 1.0, 1.5, 2.0, 4.0, 4.1}) {
    histogram.Observe(value);
  }
  EXPECT_THAT(histogram.Snapshot().counts, ElementsAre(2, 2, 1, 1));
  EXPECT_THAT(AtomicHistogram::Exponential(1, 4, 3), ElementsAre(1, 4, 16));
}

TEST(AtomicHistogramTest, LosesNothingOfManyThreads) {
  AtomicHistogram histogram(AtomicHistogram::Exponential(1, 2, 20));
  ShardedCounter counter;
  std::vector<std::thread> threads;
  threads.reserve(12);
  for (int thread = 0; thread < 12; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        histogram.Observe(3);
        counter.Add(2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.counts[2], 120'000u);
  EXPECT_EQ(snapshot.sum, 360'000);
  EXPECT_EQ(counter.Value(), 240'000u);
}

TEST(MethodMetricsTest, UsesTheNamesThatDashboardsKnow) {
  MethodMetricsPage page;
  MethodMetrics* process =
      page.Add("bidi_stream", "msgproc.v1.Processor", "Process");
  process->Started();
  process->Started();
  process->MessageReceived(5);
  process->MessageSent();
  process->Handled(0);
  process->Handled(14);
  process->Handled(99);
  page.Add("unary", "msgproc.v1.Balancer", "GetServer");
  const std::string text = MetricsText({&page});
  const std::string who =
      "{grpc_type=\"bidi_stream\",grpc_service=\"msgproc.v1.Processor\","
      "grpc_method=\"Process\"";
  const auto handled = [&](const std::string& code) {
    return ValueOf(text, absl::StrCat("grpc_server_handled_total", who,
                                      ",grpc_code=\"", code, "\"}"));
  };
  EXPECT_EQ(ValueOf(text, "grpc_server_started_total" + who + "}"), 2);
  EXPECT_EQ(ValueOf(text, "grpc_server_msg_received_total" + who + "}"), 5);
  EXPECT_EQ(ValueOf(text, "grpc_server_msg_sent_total" + who + "}"), 1);
  EXPECT_EQ(handled("OK"), 1);
  EXPECT_EQ(handled("Unavailable"), 1);
  EXPECT_EQ(handled("Unknown"), 1);
  EXPECT_EQ(handled("Internal"), 0);
}

TEST(ProcessMetricsTest, TellsWhatTheKernelTells) {
  const ProcessMetrics metrics;
  const std::string text = MetricsText({&metrics});
  EXPECT_GE(ValueOf(text, "process_cpu_seconds_total"), 0);
  EXPECT_GT(ValueOf(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(ValueOf(text, "process_virtual_memory_bytes"),
            ValueOf(text, "process_resident_memory_bytes"));
  EXPECT_GE(ValueOf(text, "process_open_fds"), 3);
  EXPECT_GT(ValueOf(text, "process_max_fds"),
            ValueOf(text, "process_open_fds"));
  EXPECT_GE(ValueOf(text, "process_threads"), 1);
  const double started = ValueOf(text, "process_start_time_seconds");
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_LE(started, now + 1);
  EXPECT_GT(started, now - 3600);
}

TEST(BuildInfoTest, TellsTheVersionOnThePageAndInText) {
  const BuildInfoMetric metric;
  EXPECT_THAT(
      MetricsText({&metric}),
      HasSubstr(absl::StrCat("msgproc_build_info{version=\"",
                             std::string(GetBuildInfo().version), "\"")));
  EXPECT_THAT(VersionText("msgproc-x"),
              ::testing::MatchesRegex("msgproc-x [0-9]+\\.[0-9]+\\.[0-9]+ "
                                      "\\(.*gRPC 1\\..*protobuf .*\\)"));
}

TEST(AcceptorMetricsTest, NamesEveryReason) {
  AcceptorStats stats;
  stats.open = 4;
  stats.rejected[static_cast<size_t>(Rejection::kConnectionLimit)] = 7;
  MetricWriter writer;
  WriteAcceptorMetrics("msgproc_processor", stats, &writer);
  const Written written(writer.Take());
  const std::string text = MetricsText({&written});
  EXPECT_EQ(ValueOf(text, "msgproc_processor_connections"), 4);
  EXPECT_EQ(ValueOf(text,
                    "msgproc_processor_connections_rejected_total{reason="
                    "\"connection_limit\"}"),
            7);
  EXPECT_EQ(text.find("unknown"), std::string::npos);
}

}  // namespace
}  // namespace msgproc::base
