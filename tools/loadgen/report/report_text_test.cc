#include "tools/loadgen/report/report_text.h"

#include "gtest/gtest.h"
#include "tools/loadgen/report/format.h"
#include "tools/loadgen/testing/golden.h"
#include "tools/loadgen/testing/report_fixture.h"

namespace msgproc::loadgen {
namespace {

TEST(TextReportTest, AGoodRun) {
  ExpectGolden("good_report.txt", TextReport(GoodReport()));
}

TEST(TextReportTest, ABadRun) {
  ExpectGolden("bad_report.txt", TextReport(BadReport()));
}

TEST(TextReportTest, NothingAnsweredIsNoReasonToCrash) {
  Report report;
  report.plan = *MakePlan(Options());
  report.tally.sent = 1;
  EXPECT_NE(TextReport(report), "");
}

TEST(FormatTest, TimesHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(FormatNanoseconds(0), "0 ns");
  EXPECT_EQ(FormatNanoseconds(999.4), "999 ns");
  EXPECT_EQ(FormatNanoseconds(999.6), "1.00 us");
  EXPECT_EQ(FormatNanoseconds(20'980), "21.0 us");
  EXPECT_EQ(FormatNanoseconds(412'300), "412 us");
  EXPECT_EQ(FormatNanoseconds(5'123'000), "5.12 ms");
  EXPECT_EQ(FormatNanoseconds(1.5e9), "1.50 s");
  EXPECT_EQ(FormatNanoseconds(3.6e12), "3600 s");
}

TEST(FormatTest, CountsHaveTheirThousandsApart) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatPlural(1, "stream"), "1 stream");
  EXPECT_EQ(FormatPlural(2, "stream"), "2 streams");
}

}  // namespace
}  // namespace msgproc::loadgen
