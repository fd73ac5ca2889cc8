#include "common/locality.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

using ::testing::HasSubstr;

TEST(LocalityTest, IsReadWithAnyOfItsPartsMissing) {
  for (const auto& [text, wanted] : {
           std::pair<std::string, Locality>("", {}),
           {"/", {}},
           {"//", {}},
           {"eu", {"eu", "", ""}},
           {"eu/a", {"eu", "a", ""}},
           {"eu/a/rack-7", {"eu", "a", "rack-7"}},
           {"eu//rack-7", {"eu", "", "rack-7"}},
           {"/a", {"", "a", ""}},
       }) {
    const auto locality = ParseLocality(text);
    ASSERT_TRUE(locality.ok()) << locality.status();
    EXPECT_EQ(*locality, wanted) << text;
  }
}

TEST(LocalityTest, IsWrittenAsItIsRead) {
  for (const std::string text :
       {"", "eu", "eu/a", "eu/a/rack-7", "eu//rack-7", "/a", "//rack-7"}) {
    EXPECT_EQ(FormatLocality(*ParseLocality(text)), text);
  }
  EXPECT_EQ(FormatLocality(*ParseLocality("eu//")), "eu");
}

TEST(LocalityTest, IsEmptyOnlyIfNothingIsKnown) {
  EXPECT_TRUE(Locality().empty());
  EXPECT_FALSE((Locality{"eu", "", ""}).empty());
  EXPECT_FALSE((Locality{"", "a", ""}).empty());
  EXPECT_FALSE((Locality{"", "", "rack-7"}).empty());
}

TEST(LocalityTest, DiffersInAnyPart) {
  const Locality here = {"eu", "a", "rack-7"};
  EXPECT_EQ(here, (Locality{"eu", "a", "rack-7"}));
  EXPECT_FALSE(here == (Locality{"us", "a", "rack-7"}));
  EXPECT_FALSE(here == (Locality{"eu", "b", "rack-7"}));
  EXPECT_FALSE(here == (Locality{"eu", "a", "rack-8"}));
}

TEST(LocalityTest, AWrongPartIsNamed) {
  for (const auto& [text, said] : {
           std::pair<std::string, std::string>("a/b/c/d", "has 4 parts"),
           {"e u", "region of a locality is \"e u\""},
           {"eu/a\n", "zone of a locality is \"a\\n\""},
           {"eu/\xff", "zone of a locality is \"?\""},
           {"eu/a/\x7f", "sub_zone of a locality is \"\\x7f\""},
       }) {
    const auto locality = ParseLocality(text);
    EXPECT_EQ(locality.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(locality.status().message()), HasSubstr(said));
  }
  const Locality slash = {"eu", "a/b", ""};
  EXPECT_THAT(std::string(Validate(slash).message()), HasSubstr("a/b"));
}

TEST(LocalityTest, APartIsAsLongAsItMayBe) {
  const std::string longest(Locality::kMaxPartBytes, 'x');
  EXPECT_EQ(ParseLocality(longest)->region, longest);
  const auto too_long = ParseLocality(longest + "x");
  EXPECT_EQ(too_long.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(too_long.status().message()),
              HasSubstr("has 129 bytes; at most 128"));
}

TEST(ProximityTest, AZoneIsNearerThanARegionAndThatNearerThanAnywhere) {
  const Locality here = {"eu", "a", "rack-7"};
  EXPECT_EQ(ProximityOf(here, {"eu", "a", "rack-8"}), Proximity::kSameZone);
  EXPECT_EQ(ProximityOf(here, {"eu", "b", "rack-7"}), Proximity::kSameRegion);
  EXPECT_EQ(ProximityOf(here, {"us", "a", "rack-7"}), Proximity::kElsewhere);
  EXPECT_GT(Proximity::kSameZone, Proximity::kSameRegion);
  EXPECT_GT(Proximity::kSameRegion, Proximity::kElsewhere);
}

TEST(ProximityTest, WhatIsUnknownIsNearToNothing) {
  EXPECT_EQ(ProximityOf({}, {}), Proximity::kElsewhere);
  EXPECT_EQ(ProximityOf({"eu", "", ""}, {"eu", "", ""}),
            Proximity::kSameRegion);
  EXPECT_EQ(ProximityOf({"eu", "", ""}, {"eu", "a", ""}),
            Proximity::kSameRegion);
  EXPECT_EQ(ProximityOf({"", "a", ""}, {"eu", "a", ""}), Proximity::kElsewhere);
  EXPECT_EQ(ProximityOf({"", "a", ""}, {"", "a", ""}), Proximity::kSameZone);
}

}  // namespace
}  // namespace msgproc
