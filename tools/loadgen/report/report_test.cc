#include "tools/loadgen/report/report.h"

#include <cstdint>
#include <map>
#include <string>

#include "gtest/gtest.h"
#include "tools/loadgen/testing/report_fixture.h"

namespace msgproc::loadgen {
namespace {

TEST(ReportTest, AllAnsweredExactlyOnceIsExitZero) {
  EXPECT_EQ(GoodReport().Exit(), ExitCode::kOk);
}

TEST(ReportTest, AnythingAmissWithTheResultsIsExitOne) {
  for (uint64_t Tally::*figure : {&Tally::duplicated, &Tally::failed,
                                  &Tally::wrong, &Tally::out_of_order}) {
    Report report = GoodReport();
    report.tally.*figure = 1;
    EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  }
  Report report = GoodReport();
  --report.tally.answered;
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  report = GoodReport();
  report.warmup.sent = 1;
  EXPECT_EQ(report.Exit(), ExitCode::kFailed) << "lost in the warm-up";
  report = GoodReport();
  report.stream_errors["PERMISSION_DENIED: wrong token"] = 1;
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  report = GoodReport();
  report.problems.emplace_back("the output could not be written");
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
}

TEST(ReportTest, AMissedObjectiveIsExitThree) {
  Report report = GoodReport();
  report.objectives.push_back({Objective(), 0, true});
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
  report.objectives.push_back({Objective(), 0, false});
  EXPECT_EQ(report.Exit(), ExitCode::kSloMissed);
}

TEST(ReportTest, AScheduleNotKeptIsExitFourAndOutweighsAnObjective) {
  Report report = GoodReport();
  report.objectives.push_back({Objective(), 0, false});
  report.generator.emplace();
  report.generator->limit = 1'000'000;
  report.generator->lateness.Record(2'000'000, 100);
  EXPECT_EQ(report.Exit(), ExitCode::kBehindSchedule);
  report.tally.failed = 1;
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
}

TEST(ReportTest, OneLateMessageInAThousandIsForgiven) {
  Report report = GoodReport();
  report.generator.emplace();
  report.generator->limit = 1'000'000;
  report.generator->lateness.Record(10'000, 999);
  report.generator->lateness.Record(2'000'000, 1);
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
}

TEST(ReportTest, EveryFigureThatAnObjectiveMayNameIsKnown) {
  const Report report = BadReport();
  const auto objectives = ParseObjectives(
      "p50>0s,max>0s,mean>0s,lateness>0s,longest_interruption>0s,throughput>0,"
      "messages>0,answered>0,failed>0,lost>0,duplicated>0,wrong>0,"
      "interruptions>0");
  ASSERT_TRUE(objectives.ok()) << objectives.status();
  for (const Objective& objective : *objectives) {
    EXPECT_TRUE(objective.Holds(report.Figure(objective))) << objective.text;
  }
}

TEST(JainsFairnessTest, IsOneWhenEvenAndOneOverNWhenOneHasAll) {
  std::map<std::string, ServerShare> servers;
  EXPECT_EQ(JainsFairness(servers), 1);
  servers["a"].messages = 100;
  servers["b"].messages = 100;
  EXPECT_DOUBLE_EQ(JainsFairness(servers), 1);
  servers["b"].messages = 0;
  EXPECT_DOUBLE_EQ(JainsFairness(servers), 0.5);
}

TEST(ReportTest, ARunThatEarlierOnesLeftNothingToDoIsExitZero) {
  Report report;
  EXPECT_EQ(report.Exit(), ExitCode::kFailed);
  report.sent_before = 1;
  EXPECT_EQ(report.Exit(), ExitCode::kOk);
}

}  // namespace
}  // namespace msgproc::loadgen
