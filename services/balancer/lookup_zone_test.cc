#include "services/balancer/lookup_zone.h"

#include "common/locality.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

LookupZone ZoneFor(const Locality& client, const Locality& server) {
  return LookupZoneOf(&client, server);
}

TEST(LookupZoneTest, IsTheSameWhereRegionAndZoneAre) {
  EXPECT_EQ(ZoneFor({"eu", "a", ""}, {"eu", "a", ""}), LookupZone::kSame);
  EXPECT_EQ(ZoneFor({"eu", "a", "rack 1"}, {"eu", "a", "rack 2"}),
            LookupZone::kSame);
  EXPECT_EQ(ZoneFor({"", "a", ""}, {"", "a", ""}), LookupZone::kSame);
}

TEST(LookupZoneTest, IsAnotherWhereOneOfThemIsOrIsNotKnown) {
  EXPECT_EQ(ZoneFor({"eu", "a", ""}, {"eu", "b", ""}), LookupZone::kOther);
  EXPECT_EQ(ZoneFor({"eu", "a", ""}, {"us", "a", ""}), LookupZone::kOther);
  EXPECT_EQ(ZoneFor({"eu", "a", ""}, {"eu", "", ""}), LookupZone::kOther);
  EXPECT_EQ(ZoneFor({"eu", "a", ""}, {}), LookupZone::kOther);
}

TEST(LookupZoneTest, IsNoneWhereTheClientDoesNotSay) {
  EXPECT_EQ(LookupZoneOf(nullptr, {"eu", "a", ""}), LookupZone::kNone);
  EXPECT_EQ(LookupZoneOf(nullptr, {}), LookupZone::kNone);
  EXPECT_EQ(ZoneFor({}, {}), LookupZone::kNone);
  EXPECT_EQ(ZoneFor({"eu", "", ""}, {"eu", "", ""}), LookupZone::kNone);
}

TEST(LookupZoneTest, HasANameForEach) {
  EXPECT_EQ(LookupZoneName(LookupZone::kSame), "same");
  EXPECT_EQ(LookupZoneName(LookupZone::kOther), "other");
  EXPECT_EQ(LookupZoneName(LookupZone::kNone), "none");
}

}  // namespace
}  // namespace msgproc::balancer
