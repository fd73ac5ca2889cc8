#include "services/balancer/store_census.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

TEST(StoreCensusTest, AnEmptyFleetHasNoStore) {
  const StoreCensus census;
  EXPECT_EQ(census.stores(), 0U);
  EXPECT_EQ(census.Describe(), "");
}

TEST(StoreCensusTest, ServersOfOneStoreAreOne) {
  StoreCensus census;
  census.Count("8a", "a");
  census.Count("8a", "b");
  EXPECT_EQ(census.stores(), 1U);
  EXPECT_EQ(census.Describe(), "8a (a and 1 more)");
}

TEST(StoreCensusTest, MemoryIsAStoreLikeAnother) {
  StoreCensus census;
  census.Count("8a", "a");
  census.Count("", "b");
  census.Count("8a", "c");
  census.Count("8a", "d");
  EXPECT_EQ(census.stores(), 2U);
  EXPECT_EQ(census.Describe(), "8a (a and 2 more), memory (b)");
}

TEST(StoreCensusTest, ManyStoresAreCountedUpToEight) {
  StoreCensus census;
  for (int i = 0; i < 100; ++i) census.Count(absl::StrCat(i), "server");
  EXPECT_EQ(census.stores(), 8U);
}

}  // namespace
}  // namespace msgproc::balancer
