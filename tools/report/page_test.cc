#include "tools/report/page.h"

#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PageTest, ThisBuildHasItsCharts) {
  EXPECT_TRUE(CanMakePages().ok()) << CanMakePages();
}

TEST(PageTest, TextCannotBreakOutOfThePage) {
  const std::string page =
      MakePage("a<b>&", R"({"what": "</script><script>alert(1)</script>"})");
  EXPECT_THAT(page, HasSubstr("<title>a&lt;b>&amp;</title>"));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert(1)")));
  EXPECT_THAT(page, HasSubstr(R"(\u003c/script>)"));
}

TEST(PageTest, NeedsNoNetworkAndKeepsTheLicence) {
  const std::string page = MakePage("t", "{}");
  for (const char* loads : {"src=", "href=", "@import", "fetch("}) {
    EXPECT_THAT(page, Not(HasSubstr(loads)));
  }
  EXPECT_THAT(page, HasSubstr("Permission is hereby granted"));
}

TEST(PageTest, LeavesNoPlaceholder) {
  const std::string page = MakePage("t", "{}");
  for (const char* name :
       {"@TITLE@", "@DATA@", "@UPLOT_JS@", "@PAGE_JS@", "@CHARTS_JS@",
        "@UPLOT_CSS@", "@PAGE_CSS@", "@UPLOT_LICENCE@"}) {
    EXPECT_THAT(page, Not(HasSubstr(name)));
  }
}

}  // namespace
}  // namespace msgproc::report
