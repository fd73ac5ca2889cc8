#include "services/processor/registration/session_change.h"

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

TEST(SessionChangeTest, OneInFiftyIsMuch) {
  EXPECT_TRUE(IsMuch(1000, 1020));
  EXPECT_FALSE(IsMuch(1000, 1019));
  EXPECT_TRUE(IsMuch(1000, 980));
  EXPECT_FALSE(IsMuch(1000, 981));
}

TEST(SessionChangeTest, OfAFewEachOneIsMuch) {
  EXPECT_TRUE(IsMuch(0, 1));
  EXPECT_TRUE(IsMuch(1, 0));
  EXPECT_TRUE(IsMuch(50, 49));
  EXPECT_FALSE(IsMuch(51, 50));
}

TEST(SessionChangeTest, NoChangeIsNeverMuch) {
  EXPECT_FALSE(IsMuch(0, 0));
  EXPECT_FALSE(IsMuch(1000, 1000));
}

}  // namespace
}  // namespace msgproc::processor
