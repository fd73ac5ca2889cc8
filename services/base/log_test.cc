#include "services/base/log.h"

#include <grpc/support/log.h>

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/log_throttle.h"

namespace msgproc::base {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// Standard error, from here to Lines().
class Captured {
 public:
  Captured(LogFormat format, LogLevel level) {
    ::testing::internal::CaptureStderr();
    InitLog(format, level);
  }
  std::vector<std::string> Lines() {
    EXPECT_TRUE(FlushLog(absl::Seconds(20)));
    return absl::StrSplit(::testing::internal::GetCapturedStderr(), '\n',
                          absl::SkipEmpty());
  }
};

TEST(LogTest, ATextLineHasTimeLevelMessageAndFields) {
  Captured captured(LogFormat::kText, LogLevel::kInfo);
  LogInfo("session opened", {{"session", "7f3a"}, {"streams", 3}});
  const auto lines = captured.Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0],
              MatchesRegex("....-..-..T..:..:..\\.......Z I session opened "
                           "session=7f3a streams=3"));
}

TEST(LogTest, AJsonLineIsAnObjectWithTypedFields) {
  Captured captured(LogFormat::kJson, LogLevel::kDebug);
  LogWarning("odd", {{"text", "a \"b\"\n\\"},
                     {"negative", -5},
                     {"large", std::numeric_limits<uint64_t>::max()},
                     {"real", 0.5},
                     {"infinite", std::numeric_limits<double>::infinity()},
                     {"yes", true},
                     {"took", absl::Milliseconds(1500)}});
  const auto lines = captured.Lines();
  ASSERT_EQ(lines.size(), 1u);
  const auto json = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(json["level"], "warning");
  EXPECT_EQ(json["msg"], "odd");
  EXPECT_THAT(json["ts"].get<std::string>(),
              MatchesRegex("....-..-..T..:..:..\\.......Z"));
  EXPECT_EQ(json["text"], "a \"b\"\n\\");
  EXPECT_EQ(json["negative"], -5);
  EXPECT_EQ(json["large"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(json["real"], 0.5);
  EXPECT_TRUE(json["infinite"].is_null());
  EXPECT_EQ(json["yes"], true);
  EXPECT_EQ(json["took"], 1.5);
}

TEST(LogTest, WhateverAClientCallsItselfALineStaysOneValidLine) {
  const std::string hostile[] = {
      std::string("\0\x01\x1f\x7f", 4),
      "\xff\xfe",
      "\xc0\xaf",
      "\xed\xa0\x80",
      "\xf4\x90\x80\x80",
      "\xe2\x82",
      "\r\nlevel=error",
      "\u20ac",
  };
  for (const std::string& name : hostile) {
    Captured json(LogFormat::kJson, LogLevel::kInfo);
    LogInfo(name, {{"client", name}});
    auto lines = json.Lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(nlohmann::json::accept(lines[0])) << lines[0];

    Captured text(LogFormat::kText, LogLevel::kInfo);
    LogInfo(name, {{"client", name}});
    lines = text.Lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_THAT(lines[0], Not(HasSubstr("\r")));
  }
  std::string euro;
  AppendJsonString("\u20ac", &euro);
  EXPECT_EQ(euro, "\"\u20ac\"");
}

// Terminals and other readers break lines, or turn text around, at more than
// ASCII's control characters.
TEST(LogTest, WhatDeceivesAReaderIsEscapedInEitherFormat) {
  const std::pair<const char*, const char*> cases[] = {
      {"\x7f", "\\u007f"},         {"\xc2\x80", "\\u0080"},
      {"\xc2\x85", "\\u0085"},     {"\xc2\x9f", "\\u009f"},
      {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xae", "\\u202e"},
      {"\xe2\x81\xa6", "\\u2066"}, {"\xe2\x81\xa9", "\\u2069"},
  };
  for (const auto& [raw, escaped] : cases) {
    std::string json;
    AppendJsonString(raw, &json);
    EXPECT_EQ(json, absl::StrCat("\"", escaped, "\""));
    EXPECT_EQ(nlohmann::json::parse(json).get<std::string>(), raw);
    Captured text(LogFormat::kText, LogLevel::kInfo);
    LogInfo(raw, {{"client", raw}});
    EXPECT_THAT(text.Lines().at(0), Not(HasSubstr(raw)));
  }
  // Their neighbours are letters like any other.
  for (const char* fine :
       {"\xc2\xa0", "\xc3\x80", "\xe2\x80\xa7", "\xe2\x80\xaf", "\xe2\x81\xa5",
        "\xe2\x81\xaa", "\xe3\x80\xa8"}) {
    std::string json;
    AppendJsonString(fine, &json);
    EXPECT_EQ(json, absl::StrCat("\"", fine, "\""));
  }
}

TEST(LogTest, FieldsThatAreNotOneWordAreQuotedInText) {
  Captured captured(LogFormat::kText, LogLevel::kInfo);
  LogInfo("x", {{"a", "two words"}, {"b", ""}, {"c", "k=v"}});
  EXPECT_THAT(captured.Lines()[0],
              EndsWith("a=\"two words\" b=\"\" c=\"k=v\""));
}

TEST(LogTest, LinesBelowTheLevelAreNotWritten) {
  Captured captured(LogFormat::kText, LogLevel::kWarning);
  LogDebug("no");
  LogInfo("no");
  LogWarning("yes");
  LogError("yes");
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
  EXPECT_EQ(captured.Lines().size(), 2u);
}

TEST(LogTest, GrpcsOwnLogGoesThroughIt) {
  Captured captured(LogFormat::kJson, LogLevel::kInfo);
  gpr_log(GPR_ERROR, "something in %s", "gRPC");
  const auto lines = captured.Lines();
  ASSERT_EQ(lines.size(), 1u);
  const auto json = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(json["msg"], "something in gRPC");
  EXPECT_EQ(json["source"], "grpc");
  EXPECT_EQ(json["level"], "error");
}

TEST(LogTest, LinesOfManyThreadsDoNotMix) {
  Captured captured(LogFormat::kJson, LogLevel::kInfo);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread] {
      for (int i = 0; i < 250; ++i) {
        LogInfo("line", {{"thread", thread}, {"text", std::string(100, 'x')}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto lines = captured.Lines();
  EXPECT_EQ(lines.size(), 1000u);
  for (const std::string& line : lines) {
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
}

TEST(LogTest, WhatIsSaidBeforeAnAbortIsWritten) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        InitLog(LogFormat::kText, LogLevel::kInfo);
        for (int i = 0; i < 100; ++i) LogError("something happened");
        LogError("why it ends");
        std::abort();
      },
      "why it ends\n.*SIGABRT received");
}

TEST(LogTest, LevelAndFormatAreRefusedByName) {
  EXPECT_EQ(*ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(*ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_THAT(std::string(ParseLogLevel("loud").status().message()),
              HasSubstr("not \"loud\""));
  EXPECT_THAT(std::string(ParseLogFormat("xml").status().message()),
              HasSubstr("not \"xml\""));
}

TEST(LogThrottleTest, LetsOneLineAnIntervalThroughAndCountsTheOthers) {
  FakeClock clock;
  LogThrottle throttle(absl::Seconds(1), &clock);
  EXPECT_EQ(throttle.Admit(), 0u);
  EXPECT_EQ(throttle.Admit(), absl::nullopt);
  EXPECT_EQ(throttle.Admit(), absl::nullopt);
  clock.Advance(absl::Milliseconds(999));
  EXPECT_EQ(throttle.Admit(), absl::nullopt);
  clock.Advance(absl::Milliseconds(1));
  EXPECT_EQ(throttle.Admit(), 3u);
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(throttle.Admit(), 0u);
}

TEST(LogThrottleTest, ABurstIsLetThroughAndComesBackALineAnInterval) {
  FakeClock clock;
  LogThrottle throttle(absl::Seconds(1), &clock, /*burst=*/3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(throttle.Admit(), 0u);
  EXPECT_EQ(throttle.Admit(), absl::nullopt);
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(throttle.Admit(), 1u);
  EXPECT_EQ(throttle.Admit(), absl::nullopt);
  clock.Advance(absl::Hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(throttle.Admit().has_value());
  EXPECT_EQ(throttle.Admit(), absl::nullopt);
}

}  // namespace
}  // namespace msgproc::base
