#include "tools/compare/comparison.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::compare {
namespace {

using ::testing::ContainsRegex;

Trial WithRate(double messages_per_second, int lost = 0) {
  Trial trial;
  trial.report = {{"messages", 1000},
                  {"lost", lost},
                  {"messages_per_second", messages_per_second},
                  {"latency_us", {{"p50", 12.5}}}};
  trial.servers.cpu = absl::Milliseconds(2);
  return trial;
}

TEST(ComparisonTest, TheMedianOfTwoTrialsIsOneOfThem) {
  EXPECT_EQ(Median({WithRate(5), WithRate(3)}).Figure("/messages_per_second"),
            3);
  EXPECT_EQ(Median({WithRate(5), WithRate(3), WithRate(9)})
                .Figure("/messages_per_second"),
            5);
}

TEST(ComparisonTest, TableHasMediansOfEveryModelSideBySide) {
  const std::string table = ComparisonTable(
      {{"Model I", {WithRate(100), WithRate(300), WithRate(200)}},
       {"Model IV", {WithRate(50)}}});
  EXPECT_THAT(table, ContainsRegex("Model I +Model IV"));
  EXPECT_THAT(table, ContainsRegex("messages/s +200 +50"));
  EXPECT_THAT(table, ContainsRegex("CPU servers \\(us/msg\\) +2.00 +2.00"));
}

TEST(ComparisonTest, AModelIsComparedWithTheFirstTrialByTrial) {
  // The machine was slow in the second round, for both alike.
  const std::vector<ModelTrials> models = {
      {"Model I", {WithRate(100), WithRate(10), WithRate(100)}},
      {"Model IV", {WithRate(80), WithRate(7), WithRate(75)}}};
  EXPECT_THAT(ComparisonTable(models),
              ContainsRegex("throughput, relative +1.00 +0.75"));
  const auto json = nlohmann::json::parse(ComparisonJson("what", models));
  EXPECT_DOUBLE_EQ(json["runs"][1]["relative_throughput"], 0.75);
}

TEST(ComparisonTest, WhatWentWrongInAnyTrialIsShown) {
  const std::string table = ComparisonTable(
      {{"Model I", {WithRate(1, 0), WithRate(1, 7), WithRate(1, 0)}}});
  EXPECT_THAT(table, ContainsRegex("lost +7"));
}

TEST(ComparisonTest, JsonHasTheMedianTrialWithItsUsageAndEvents) {
  Trial trial = WithRate(200);
  trial.events.push_back({2.5, "kill -9"});
  const auto json =
      nlohmann::json::parse(ComparisonJson("what", {{"Model I", {trial}}}));
  EXPECT_EQ(json["what"], "what");
  const auto& run = json["runs"][0];
  EXPECT_EQ(run["name"], "Model I");
  EXPECT_EQ(run["report"]["messages_per_second"], 200);
  EXPECT_EQ(run["usage"]["servers_cpu_us"], 2);
  EXPECT_EQ(run["events"][0]["what"], "kill -9");
  EXPECT_EQ(run["medians"]["messages/s"], 200);
}

TEST(ComparisonTest, TheWorstTrialIsTheVerdictAndIsNamed) {
  Trial late = WithRate(1);
  late.report["verdict"] = "BEHIND";
  late.report["findings"] = {"7 messages were due and never sent."};
  Trial slow = WithRate(1);
  slow.report["verdict"] = "SLO MISSED";
  slow.report["findings"] = {"The objective p99<5ms was missed: 6.10 ms."};
  const std::vector<ModelTrials> models = {{"Model I", {WithRate(1), late}},
                                           {"Model II", {slow}}};
  const std::string table = ComparisonTable(models);
  EXPECT_THAT(table, ContainsRegex("^Verdict: BEHIND\n"));
  EXPECT_THAT(table, ContainsRegex("Model I, run 2: BEHIND: 7 messages"));
  EXPECT_THAT(table, ContainsRegex("Model II, run 1: SLO MISSED: The obj"));
  const auto json = nlohmann::json::parse(ComparisonJson("what", models));
  EXPECT_EQ(json["verdict"], "BEHIND");
  EXPECT_EQ(json["findings"].size(), 2);
}

TEST(ComparisonTest, WithoutAnythingWrongItIsOk) {
  EXPECT_THAT(ComparisonTable({{"Model I", {WithRate(1)}}}),
              ContainsRegex("^Verdict: OK\n"));
}

TEST(ComparisonTest, JsonHasTheMediansOfTheTable) {
  const auto json = nlohmann::json::parse(
      ComparisonJson("what", {{"Model I", {WithRate(100), WithRate(300)}}}));
  EXPECT_EQ(json["runs"][0]["medians"]["messages/s"], 200);
  EXPECT_EQ(json["runs"][0]["medians"]["throughput, relative"], 1);
}

TEST(ComparisonTest, AFigureThatAReportLacksIsZero) {
  EXPECT_EQ(WithRate(1).Figure("/latency_us/p9"), 0);
}

}  // namespace
}  // namespace msgproc::compare
