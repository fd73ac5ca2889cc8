#include "common/lru_cache.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LruCacheTest, WhatWasNotUsedForLongestGoes) {
  LruCache<int> cache(2);
  std::vector<int> gone;
  const auto evicted = [&gone](int value) { gone.push_back(value); };
  EXPECT_EQ(cache.Find("one"), nullptr);
  cache.Insert("one", 1, evicted);
  cache.Insert("two", 2, evicted);
  EXPECT_THAT(gone, IsEmpty());
  ASSERT_NE(cache.Find("one"), nullptr);
  EXPECT_EQ(*cache.Insert("three", 3, evicted), 3);
  EXPECT_THAT(gone, ElementsAre(2));
  EXPECT_EQ(cache.Find("two"), nullptr);
  EXPECT_EQ(*cache.Find("one"), 1);
  EXPECT_EQ(*cache.Find("three"), 3);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(LruCacheTest, WhatIsErasedMakesRoom) {
  LruCache<int> cache(1);
  const auto evicted = [](int) { FAIL(); };
  cache.Insert("one", 1, evicted);
  cache.Erase("two");
  EXPECT_NE(cache.Find("one"), nullptr);
  cache.Erase("one");
  EXPECT_EQ(cache.Find("one"), nullptr);
  cache.Insert("two", 2, evicted);
  EXPECT_EQ(*cache.Find("two"), 2);
}

TEST(LruCacheTest, AValueStaysWhereItIs) {
  LruCache<std::unique_ptr<int>> cache(100);
  const auto evicted = [](std::unique_ptr<int>) { FAIL(); };
  int* const first =
      cache.Insert("0", std::make_unique<int>(0), evicted)->get();
  for (int i = 1; i < 100; ++i) {
    cache.Insert(std::string(1, static_cast<char>('0' + i)),
                 std::make_unique<int>(i), evicted);
  }
  EXPECT_EQ(cache.Find("0")->get(), first);
  cache.Clear();
  EXPECT_EQ(cache.Find("0"), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace msgproc
