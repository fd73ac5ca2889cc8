#include "services/base/page_size.h"

#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

TEST(PageSizeTest, IsAsAskedFor) {
  EXPECT_EQ(PageSize(1, 100, 1000), 1u);
  EXPECT_EQ(PageSize(999, 100, 1000), 999u);
}

TEST(PageSizeTest, HasABound) { EXPECT_EQ(PageSize(1001, 100, 1000), 1000u); }

TEST(PageSizeTest, IsTheUsualOneWhereNobodyAsks) {
  EXPECT_EQ(PageSize(0, 100, 1000), 100u);
}

}  // namespace
}  // namespace msgproc::base
