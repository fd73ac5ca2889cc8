#include "tools/loadgen/report/verdict.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/loadgen/testing/report_fixture.h"

namespace msgproc::loadgen {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

void Evaluate(const char* slo, Report* report) {
  report->plan.objectives = *ParseObjectives(slo);
  report->objectives =
      Evaluate(report->plan.objectives, [report](const Objective& objective) {
        return report->Figure(objective);
      });
}

TEST(VerdictTest, AGoodRunIsOk) {
  const Verdict verdict = Judge(GoodReport());
  EXPECT_EQ(verdict.word, "OK");
  EXPECT_THAT(verdict.findings,
              ElementsAre(HasSubstr("10,000 messages was answered exactly")));
}

TEST(VerdictTest, WhatIsWrongComesBeforeTheScheduleAndTheObjectives) {
  const Verdict verdict = Judge(BadReport());
  EXPECT_EQ(verdict.word, "FAILED");
  EXPECT_THAT(verdict.findings,
              ElementsAre(HasSubstr("5 lost, 1 duplicated, 4 failed, 1 wrong"),
                          HasSubstr("1 stream ended early: UNAVAILABLE"),
                          HasSubstr("was late (p99 8.00 ms, over 1.00 ms)"),
                          HasSubstr("p99<1ms was missed: 2.00 s"),
                          HasSubstr("failed<=0 was missed: 4"),
                          HasSubstr("stopped before its end")));
}

TEST(VerdictTest, WhatWasDueAndNotSentIsBehindAlsoWithAMissedObjective) {
  Report report = GoodReport();
  report.generator.emplace();
  report.generator->limit = 1'000'000;
  report.generator->unsent = 25'427;
  Evaluate("p50<1ns", &report);
  const Verdict verdict = Judge(report);
  EXPECT_EQ(verdict.word, "BEHIND");
  EXPECT_THAT(verdict.findings,
              ElementsAre(HasSubstr("25,427 messages were due and never sent"),
                          HasSubstr("p50<1ns was missed")));
}

TEST(VerdictTest, AMissedObjectiveAloneIsTheVerdict) {
  Report report = GoodReport();
  Evaluate("p50<1ns,failed<=0", &report);
  EXPECT_EQ(Judge(report).word, "SLO MISSED");
  Evaluate("p50<1h", &report);
  EXPECT_EQ(Judge(report).word, "OK");
}

TEST(VerdictTest, NothingAnsweredIsAFailure) {
  const Verdict verdict = Judge(Report());
  EXPECT_EQ(verdict.word, "FAILED");
  EXPECT_THAT(verdict.findings, Contains("No message was answered."));
}

TEST(VerdictTest, ARunThatEarlierOnesLeftNothingToDoIsOk) {
  Report report;
  EXPECT_EQ(Judge(report).word, "FAILED");
  report.sent_before = 1;
  EXPECT_EQ(Judge(report).word, "OK");
}

}  // namespace
}  // namespace msgproc::loadgen
