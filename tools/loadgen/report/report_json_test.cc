#include "tools/loadgen/report/report_json.h"

#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tools/loadgen/testing/golden.h"
#include "tools/loadgen/testing/report_fixture.h"

namespace msgproc::loadgen {
namespace {

using nlohmann::json;

TEST(JsonReportTest, HasTheNamesThatProgramsRelyOn) {
  const json report = json::parse(JsonReport(GoodReport()));
  EXPECT_EQ(report.at("messages"), 10'000);
  EXPECT_EQ(report.at("answered"), 10'000);
  EXPECT_EQ(report.at("lost"), 0);
  EXPECT_EQ(report.at("duplicated"), 0);
  EXPECT_EQ(report.at("failed"), 0);
  EXPECT_EQ(report.at("seconds"), 0.0125);
  EXPECT_EQ(report.at("messages_per_second"), 800'000);
  for (const char* name :
       {"p50", "p90", "p99", "p999", "p9999", "max", "mean"}) {
    EXPECT_GT(report.at("latency_us").at(name), 20) << name;
  }
  EXPECT_EQ(report.at("interruptions").at("count"), 0);
  EXPECT_EQ(report.at("interruptions").at("longest_ms"), 0);
  EXPECT_EQ(report.at("servers").at("server-1").at("messages"), 10'000);
  EXPECT_EQ(report.at("servers").at("server-1").at("streams"), 1);
  EXPECT_EQ(report.at("run").at("n"), 10'000);
  EXPECT_EQ(report.at("exit_code"), 0);
}

TEST(JsonReportTest, AGoodRun) {
  Report report = GoodReport();
  report.latency.Clear();  // The curve would fill a page.
  ExpectGolden("good_report.json", JsonReport(report));
}

TEST(JsonReportTest, WhatWentWrongIsInIt) {
  const json report = json::parse(JsonReport(BadReport()));
  EXPECT_EQ(report.at("lost"), 5);
  EXPECT_EQ(report.at("duplicated"), 1);
  EXPECT_EQ(report.at("failed"), 4);
  EXPECT_EQ(report.at("wrong"), 1);
  EXPECT_EQ(report.at("exit_code"), 1);
  EXPECT_EQ(report.at("interruptions").at("count"), 2);
  EXPECT_NEAR(report.at("interruptions").at("longest_ms"), 612.346, 0.001);
  EXPECT_EQ(report.at("errors").size(), 2U);
  EXPECT_EQ(report.at("errors")[0].at("code"), "ABORTED");
  EXPECT_EQ(report.at("stream_errors").size(), 1U);
  EXPECT_EQ(report.at("generator").at("kept_schedule"), false);
  EXPECT_EQ(report.at("generator").at("held"), 12);
  EXPECT_EQ(report.at("objectives").size(), 3U);
  EXPECT_EQ(report.at("objectives")[0].at("held"), false);
  EXPECT_EQ(report.at("run").at("mode"), "open");
  EXPECT_EQ(report.at("run").at("payload_checked"), false);
  EXPECT_EQ(report.at("run").at("interrupted"), true);
  EXPECT_EQ(report.at("warmup").at("answered"), 100);
}

TEST(JsonReportTest, ThePercentileCurveRisesToTheSlowest) {
  const json report = json::parse(JsonReport(GoodReport()));
  double last = 0;
  for (const json& point : report.at("percentiles")) {
    EXPECT_GE(point.at("us"), last);
    last = point.at("us");
  }
  EXPECT_EQ(last, report.at("latency_us").at("max"));
  EXPECT_EQ(report.at("percentiles").back().at("percentile"), 100);
}

TEST(JsonReportTest, TextThatIsNotUtf8DoesNotBreakTheDocument) {
  Report report = GoodReport();
  report.tally.AddError(absl::StatusCode::kInternal, "\xff\xfe");
  EXPECT_FALSE(json::parse(JsonReport(report)).is_discarded());
}

TEST(JsonReportTest, NothingAnsweredIsNoReasonToCrash) {
  Report report;
  report.plan = *MakePlan(Options());
  EXPECT_EQ(json::parse(JsonReport(report)).at("messages"), 0);
}

}  // namespace
}  // namespace msgproc::loadgen
