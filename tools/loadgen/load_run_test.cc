#include "tools/loadgen/load_run.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/socket_folder.h"
#include "tools/loadgen/target/endpoint.h"
#include "tools/loadgen/testing/test_processor.h"

namespace msgproc::loadgen {
namespace {

using base::Eventually;
using testing::HasSubstr;

std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

class LoadRunTest : public testing::Test {
 protected:
  // With the processor as target; `meanwhile` runs beside it.
  template <typename Meanwhile>
  Report Run(Options options, const Meanwhile& meanwhile) {
    if (options.target.empty()) options.target = processor_->address();
    const Plan plan = *MakePlan(std::move(options));
    auto files = RunFiles::Open(plan);
    EXPECT_TRUE(files.ok()) << files.status();
    EXPECT_TRUE(files->Begin().ok());
    const auto endpoint = FindEndpoint(plan);
    EXPECT_TRUE(endpoint.ok()) << endpoint.status();
    LoadRun run(plan, endpoint->stream_options, *files);
    const absl::Status connected = run.Connect();
    EXPECT_TRUE(connected.ok()) << connected;
    std::thread beside([&] { meanwhile(&run); });
    Report report = run.Execute();
    beside.join();
    return report;
  }
  Report Run(Options options) {
    return Run(std::move(options), [](LoadRun*) {});
  }
  void WaitForMessages(uint64_t count) {
    EXPECT_TRUE(
        Eventually([&] { return processor_->messages_processed() >= count; }));
  }

  // One for all tests: what a second server of the process writes before gRPC's
  // threads read it, ThreadSanitizer does not see ordered, since gRPC's locks
  // are invisible to it. Tests that need one are skipped under it.
  static void SetUpTestSuite() {
    folder_ = new base::SocketFolder;
    processor_ = new TestProcessor("unix:" + (*folder_ / "processor.sock"));
  }
  static void TearDownTestSuite() {
    delete processor_;
    delete folder_;
  }
  static bool UnderThreadSanitizer() {
    const char* sanitizer = std::getenv("MSGPROC_SANITIZER");
    return sanitizer != nullptr && std::string(sanitizer) == "tsan";
  }

  static base::SocketFolder* folder_;
  static TestProcessor* processor_;
};

base::SocketFolder* LoadRunTest::folder_ = nullptr;
TestProcessor* LoadRunTest::processor_ = nullptr;

TEST_F(LoadRunTest, AClosedLoopIsAnsweredToTheLast) {
  Options options;
  options.n = 10'000;
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
  EXPECT_EQ(report.tally.sent, 10'000U);
  EXPECT_EQ(report.tally.answered, 10'000U);
  EXPECT_EQ(report.latency.count(), 10'000U);
  EXPECT_GT(report.seconds, 0);
  EXPECT_EQ(report.servers.at("test-processor").messages, 10'000U);
  EXPECT_EQ(report.servers.at("test-processor").streams, 1U);
  uint64_t in_series = 0;
  for (const auto& row : report.series) in_series += row.count;
  EXPECT_EQ(in_series, 10'000U);
}

TEST_F(LoadRunTest, ManyStreamsOnFewConnectionsShareTheMessages) {
  Options options;
  options.n = 10'003;
  options.connections = 3;
  options.streams_per_connection = 5;
  options.max_outstanding = 16;
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
  EXPECT_EQ(report.tally.answered, 10'003U);
  EXPECT_EQ(report.servers.at("test-processor").streams, 15U);
}

TEST_F(LoadRunTest, MoreStreamsThanMessagesIsFine) {
  Options options;
  options.n = 3;
  options.streams_per_connection = 8;
  EXPECT_EQ(Run(options).tally.answered, 3U);
}

TEST_F(LoadRunTest, AWarmupIsCheckedButNotCounted) {
  Options options;
  options.n = 1000;
  options.warmup = "500";
  const uint64_t before = processor_->messages_processed();
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
  EXPECT_EQ(report.warmup.answered, 500U);
  EXPECT_EQ(report.tally.answered, 1000U);
  EXPECT_EQ(report.latency.count(), 1000U);
  EXPECT_EQ(processor_->messages_processed() - before, 1500U);
}

TEST_F(LoadRunTest, ADurationEndsTheRun) {
  Options options;
  options.duration = absl::Milliseconds(200);
  options.warmup = "50ms";
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
  EXPECT_GT(report.warmup.answered, 0U);
  EXPECT_GT(report.tally.answered, 0U);
  EXPECT_GT(report.seconds, 0.1);
}

TEST_F(LoadRunTest, AnOpenLoopKeepsItsRateAndKnowsItsLateness) {
  Options options;
  options.rate = 5000;
  options.n = 1000;
  options.connections = 2;
  const Report report = Run(options);
  EXPECT_TRUE(report.Clean());
  EXPECT_EQ(report.tally.answered, 1000U);
  // The last message is due 999 distances after the first, not before.
  EXPECT_GE(report.seconds, 0.999 * 1000 / 5000);
  const GeneratorRecord generator =
      report.generator.value_or(GeneratorRecord());
  EXPECT_EQ(generator.lateness.count() + generator.held, 1000U);
}

TEST_F(LoadRunTest, AnOpenLoopBeyondWhatTheWindowAllowsIsHeldAndSaysSo) {
  Options options;
  options.rate = 1e6;
  options.n = 5000;
  options.max_outstanding = 1;
  const Report report = Run(options);
  EXPECT_TRUE(report.Clean());
  EXPECT_EQ(report.tally.answered, 5000U);
  EXPECT_GT(report.generator.value_or(GeneratorRecord()).held, 1000U);
  // The last ones were meant to leave long before there was room.
  EXPECT_GT(report.latency.max(),
            static_cast<int64_t>((report.seconds - 0.005) * 0.9e9));
}

TEST_F(LoadRunTest, LinesComeBackInTheirOrder) {
  const std::string folder = testing::TempDir();
  std::vector<std::string> lines;
  for (int i = 0; i < 20'000; ++i) {
    lines.push_back("line " + std::to_string(i) + std::string(i % 50, '.'));
  }
  std::ofstream(folder + "/in.txt") << Join(lines);
  Options options;
  options.input = folder + "/in.txt";
  options.output = folder + "/out.txt";
  options.connections = 2;
  options.streams_per_connection = 2;
  options.max_outstanding = 32;
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
  EXPECT_EQ(report.tally.answered, 20'000U);
  std::ostringstream written;
  written << std::ifstream(options.output).rdbuf();
  EXPECT_EQ(written.str(), Join(lines));
}

TEST_F(LoadRunTest, LinesCanBePacedAndLimited) {
  const std::string path = testing::TempDir() + "/in.txt";
  std::ofstream(path) << Join(std::vector<std::string>(1000, "x"));
  Options options;
  options.input = path;
  options.n = 100;
  options.rate = 1000;
  const Report report = Run(options);
  EXPECT_TRUE(report.Clean());
  EXPECT_EQ(report.tally.answered, 100U);
  EXPECT_GE(report.seconds, 0.099);
  EXPECT_EQ(report.generator.value_or(GeneratorRecord()).lateness.count(),
            100U);
}

TEST_F(LoadRunTest, ErrorsAreCountedByCodeAndFailTheRun) {
  Options options;
  options.n = 1000;
  options.handler = "flaky";
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  EXPECT_EQ(report.tally.answered, 1000U);
  EXPECT_EQ(report.tally.failed, 100U);
  EXPECT_EQ(report.tally.errors.at({absl::StatusCode::kInternal, "no luck"}),
            100U);
}

TEST_F(LoadRunTest, AHandlerThatLiesIsFound) {
  Options options;
  options.n = 100;
  options.handler = "uppercase";
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  EXPECT_EQ(report.tally.wrong, 100U);
  EXPECT_THAT(report.tally.first_wrong, HasSubstr("stream 0, message 1:"));
}

TEST_F(LoadRunTest, ResultsThatNeverComeAreLostAfterTheStallTimeout) {
  Options options;
  options.n = 10;
  options.handler = "stuck";
  options.stall_timeout = absl::Milliseconds(200);
  options.setting_name = base::AsFlag;
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  EXPECT_EQ(report.tally.lost(), 10U);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_THAT(report.problems[0], HasSubstr("--stall_timeout"));
}

TEST_F(LoadRunTest, AProcessorThatComesBackIsAnInterruptionAndNoLoss) {
  if (UnderThreadSanitizer()) GTEST_SKIP() << "a second server";
  Options options;
  options.n = 30'000;
  options.connections = 4;
  options.rate = 20'000;
  const uint64_t before = processor_->messages_processed();
  const Report report = Run(options, [this, before](LoadRun*) {
    WaitForMessages(before + 1000);
    processor_->Restart();
  });
  EXPECT_TRUE(report.Clean());
  EXPECT_EQ(report.tally.answered, 30'000U);
  EXPECT_GE(report.interruptions.count, 1U);
  EXPECT_LE(report.interruptions.count, 8U);
  EXPECT_GT(report.interruptions.longest, 0);
}

TEST_F(LoadRunTest, AProcessorThatStaysAwayEndsTheRunAfterGiveUpAfter) {
  if (UnderThreadSanitizer()) GTEST_SKIP() << "a second server";
  for (const double rate : {0.0, 20'000.0}) {
    Options options;
    options.duration = absl::Hours(1);
    options.connections = 2;
    options.rate = rate;
    options.give_up_after = absl::Milliseconds(300);
    TestProcessor processor;
    options.target = processor.address();
    const Report report = Run(options, [&processor](LoadRun*) {
      EXPECT_TRUE(
          Eventually([&] { return processor.messages_processed() > 1000; }));
      processor.Stop();
    });
    EXPECT_EQ(report.Exit(), ExitCode::kFailed);
    EXPECT_GT(report.tally.lost(), 0U);
    // On a busy machine a stream may have waited for a result before.
    EXPECT_GE(report.interruptions.count, 2U);
    EXPECT_LE(report.interruptions.count, 8U);
    // Attempts to connect may have failed in different ways last.
    EXPECT_FALSE(report.stream_errors.empty());
    for (const auto& [error, streams] : report.stream_errors) {
      EXPECT_THAT(error, HasSubstr("UNAVAILABLE"));
    }
  }
}

TEST_F(LoadRunTest, StopCollectsWhatIsInFlightAndReports) {
  for (const double rate : {0.0, 10'000.0}) {
    Options options;
    options.duration = absl::Hours(1);
    options.rate = rate;
    const uint64_t before = processor_->messages_processed();
    const Report report = Run(options, [this, before](LoadRun* run) {
      WaitForMessages(before + 500);
      run->Stop();
    });
    EXPECT_TRUE(report.interrupted);
    EXPECT_TRUE(report.Clean());
    EXPECT_GE(report.tally.answered, 500U);
  }
}

TEST_F(LoadRunTest, APayloadOverTheServersLimitIsToldAndNothingHangs) {
  Options options;
  options.n = 10;
  options.payload_bytes = 64 << 20;
  const Report report = Run(options);
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  ASSERT_EQ(report.stream_errors.size(), 1U);
  EXPECT_THAT(report.stream_errors.begin()->first,
              HasSubstr("max_payload_bytes"));
}

}  // namespace
}  // namespace msgproc::loadgen
