#include "tools/loadgen/plan/slo.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

using testing::HasSubstr;

Objective Parse(absl::string_view text) {
  const auto objectives = ParseObjectives(text);
  EXPECT_TRUE(objectives.ok()) << objectives.status();
  EXPECT_EQ(objectives->size(), 1U);
  return objectives->at(0);
}

TEST(SloTest, ReadsAListOfObjectives) {
  const auto objectives =
      ParseObjectives("p99<5ms, throughput>100000,failed<=0");
  ASSERT_TRUE(objectives.ok());
  ASSERT_EQ(objectives->size(), 3U);
  EXPECT_EQ((*objectives)[0].bound, 5e6);
  EXPECT_EQ((*objectives)[0].figure, "p99");
  EXPECT_EQ((*objectives)[0].quantile, 0.99);
  EXPECT_EQ((*objectives)[1].bound, 100'000);
  EXPECT_EQ((*objectives)[1].unit, Objective::Unit::kPerSecond);
  EXPECT_EQ((*objectives)[2].comparison, Objective::Comparison::kAtMost);
  EXPECT_EQ((*objectives)[2].text, "failed<=0");
}

TEST(SloTest, PercentilesAreWrittenWithOrWithoutADot) {
  EXPECT_DOUBLE_EQ(Parse("p50<1s").quantile, 0.5);
  EXPECT_DOUBLE_EQ(Parse("p99.9<1s").quantile, 0.999);
  EXPECT_DOUBLE_EQ(Parse("p999<1s").quantile, 0.999);
  EXPECT_DOUBLE_EQ(Parse("p9999<1s").quantile, 0.9999);
  EXPECT_DOUBLE_EQ(Parse("p99.99<1s").quantile, 0.9999);
  EXPECT_DOUBLE_EQ(Parse("p100<1s").quantile, 1);
  EXPECT_DOUBLE_EQ(Parse("p5<1s").quantile, 0.05);
}

TEST(SloTest, TimesAndNumbersHaveUnits) {
  EXPECT_EQ(Parse("max<250us").bound, 250e3);
  EXPECT_EQ(Parse("longest_interruption<1.5s").bound, 1.5e9);
  EXPECT_EQ(Parse("throughput>=100k").bound, 100e3);
  EXPECT_EQ(Parse("throughput>=1.5M").bound, 1.5e6);
}

TEST(SloTest, ComparisonsMeanWhatTheySay) {
  EXPECT_TRUE(Parse("failed<=0").Holds(0));
  EXPECT_FALSE(Parse("failed<=0").Holds(1));
  EXPECT_FALSE(Parse("failed<1").Holds(1));
  EXPECT_TRUE(Parse("messages=10").Holds(10));
  EXPECT_TRUE(Parse("messages==10").Holds(10));
  EXPECT_FALSE(Parse("throughput>10").Holds(10));
  EXPECT_TRUE(Parse("throughput>=10").Holds(10));
}

TEST(SloTest, BlanksMayStandBetweenTheParts) {
  const Objective objective = Parse(" p99 <= 5ms ");
  EXPECT_EQ(objective.figure, "p99");
  EXPECT_EQ(objective.comparison, Objective::Comparison::kAtMost);
  EXPECT_EQ(objective.bound, 5e6);
}

TEST(SloTest, AnEmptyListHoldsNothing) {
  EXPECT_TRUE(ParseObjectives("")->empty());
}

TEST(SloTest, MistakesAreNamed) {
  const auto message = [](absl::string_view text) {
    const auto objectives = ParseObjectives(text);
    EXPECT_EQ(objectives.status().code(), absl::StatusCode::kInvalidArgument)
        << text;
    return std::string(objectives.status().message());
  };
  EXPECT_THAT(message("p99"), HasSubstr("no comparison"));
  EXPECT_THAT(message("p99<5"), HasSubstr("not a time"));
  EXPECT_THAT(message("p99<"), HasSubstr("not a time"));
  EXPECT_THAT(message("speed>5"), HasSubstr("unknown figure \"speed\""));
  EXPECT_THAT(message("p101<5ms"), HasSubstr("unknown figure"));
  EXPECT_THAT(message("p100.5<5ms"), HasSubstr("unknown figure"));
  EXPECT_THAT(message("p<5ms"), HasSubstr("unknown figure"));
  EXPECT_THAT(message("p99.9.9<5ms"), HasSubstr("unknown figure"));
  EXPECT_THAT(message("failed<=none"), HasSubstr("not a number"));
  EXPECT_THAT(message("failed<==0"), HasSubstr("\"=0\" is not a number"));
  EXPECT_THAT(message("failed<=0,,"), HasSubstr("no comparison"));
}

TEST(SloTest, EvaluateLooksEveryFigureUp) {
  const auto objectives = ParseObjectives("p99<5ms,throughput>100");
  const auto results = Evaluate(*objectives, [](const Objective& objective) {
    return objective.is_percentile ? 4e6 : 50.0;
  });
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0].held);
  EXPECT_EQ(results[0].value, 4e6);
  EXPECT_FALSE(results[1].held);
  EXPECT_EQ(results[1].value, 50);
}

}  // namespace
}  // namespace msgproc::loadgen
