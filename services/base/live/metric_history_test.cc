#include "services/base/live/metric_history.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsNan;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

TEST(MetricHistoryTest, IsEmptyAtFirst) {
  const MetricHistory history({.figures = 2});
  EXPECT_EQ(history.next(), 0u);
  EXPECT_EQ(history.oldest(), 0u);
  EXPECT_THAT(history.Subjects(), IsEmpty());
  EXPECT_THAT(history.Values("a", 1, 0), IsEmpty());
}

TEST(MetricHistoryTest, GivesTheSamplesFromANumberOn) {
  MetricHistory history({.figures = 2, .samples = 4});
  for (int i = 0; i < 3; ++i) {
    history.Add({{"a", {i + 0.5, 10.0 + i}}, {"b", {20.0 + i, 30.0 + i}}});
  }
  EXPECT_EQ(history.next(), 3u);
  EXPECT_EQ(history.oldest(), 0u);
  EXPECT_THAT(history.Subjects(), ElementsAre("a", "b"));
  EXPECT_THAT(history.Values("a", 0, 0), ElementsAre(0.5, 1.5, 2.5));
  EXPECT_THAT(history.Values("a", 1, 1), ElementsAre(11, 12));
  EXPECT_THAT(history.Values("b", 0, 2), ElementsAre(22));
  EXPECT_THAT(history.Values("b", 1, 2), ElementsAre(32));
  EXPECT_THAT(history.Values("b", 0, 3), IsEmpty());
  EXPECT_THAT(history.Values("b", 0, 99), IsEmpty());
}

TEST(MetricHistoryTest, RemembersTheLastOnes) {
  MetricHistory history({.figures = 1, .samples = 3});
  for (int i = 0; i < 5; ++i) history.Add({{"a", {1.0 * i}}});
  EXPECT_EQ(history.next(), 5u);
  EXPECT_EQ(history.oldest(), 2u);
  EXPECT_THAT(history.Values("a", 0, 0), ElementsAre(2, 3, 4));
  EXPECT_THAT(history.Values("a", 0, 3), ElementsAre(3, 4));
}

TEST(MetricHistoryTest, BeforeASubjectCameNothingIsKnownOfIt) {
  MetricHistory history({.figures = 1, .samples = 3});
  history.Add({{"a", {1}}});
  history.Add({{"a", {2}}, {"b", {7}}});
  EXPECT_THAT(history.Values("b", 0, 0), ElementsAre(IsNan(), 7));
  history.Add({{"a", {kUnknown}}, {"b", {8}}});
  EXPECT_THAT(history.Values("a", 0, 0), ElementsAre(1, 2, IsNan()));
}

TEST(MetricHistoryTest, ForgetsASubjectThatIsLongGone) {
  MetricHistory history({.figures = 2, .samples = 2});
  history.Add({{"a", {1, 4}}, {"b", {2, 5}}});
  history.Add({{"a", {3, 6}}});
  EXPECT_THAT(history.Values("b", 0, 0), ElementsAre(2, IsNan()));
  EXPECT_THAT(history.Values("b", 1, 0), ElementsAre(5, IsNan()));
  history.Add({{"a", {3, 6}}});
  EXPECT_THAT(history.Subjects(), ElementsAre("a"));
  EXPECT_THAT(history.Values("b", 0, 0), IsEmpty());
}

TEST(MetricHistoryTest, ASubjectThatComesBackHasAGap) {
  MetricHistory history({.figures = 1, .samples = 3});
  history.Add({{"a", {1}}});
  history.Add({});
  history.Add({{"a", {3}}});
  EXPECT_THAT(history.Values("a", 0, 0), ElementsAre(1, IsNan(), 3));
}

TEST(MetricHistoryTest, AGapHidesWhatWasThereARoundBefore) {
  MetricHistory history({.figures = 2, .samples = 3});
  for (int i = 0; i < 5; ++i) history.Add({{"a", {1.0 * i, 10.0 * i}}});
  history.Add({});
  EXPECT_THAT(history.Values("a", 0, 0), ElementsAre(3, 4, IsNan()));
  EXPECT_THAT(history.Values("a", 1, 0), ElementsAre(30, 40, IsNan()));
}

TEST(MetricHistoryTest, TakesInNoMoreSubjectsThanItMay) {
  MetricHistory history({.figures = 1, .samples = 1, .subjects = 2});
  history.Add({{"a", {1}}, {"b", {2}}, {"c", {3}}});
  EXPECT_THAT(history.Subjects(), ElementsAre("a", "b"));
  // Those that it has it keeps; another takes a place that is free.
  history.Add({{"b", {4}}, {"c", {5}}});
  EXPECT_THAT(history.Subjects(), ElementsAre("b"));
  history.Add({{"b", {6}}, {"c", {7}}});
  EXPECT_THAT(history.Values("b", 0, 0), ElementsAre(6));
  EXPECT_THAT(history.Values("c", 0, 0), ElementsAre(7));
}

TEST(MetricHistoryDeathTest, ChecksItsArguments) {
  EXPECT_DEATH(MetricHistory({.figures = 0}), "figures");
  EXPECT_DEATH(MetricHistory({.samples = 0}), "samples");
  EXPECT_DEATH(MetricHistory({.subjects = 0}), "subjects");
  MetricHistory history({.figures = 2});
  EXPECT_DEATH(history.Add({{"a", {1}}}), "figures");
  EXPECT_DEATH(history.Values("a", 2, 0), "figure");
}

}  // namespace
}  // namespace msgproc::base
