#include "common/quoted.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

TEST(QuotedTest, AShortTextStaysAsItIs) {
  EXPECT_EQ(Quoted("ecko"), "'ecko'");
  EXPECT_EQ(Quoted(""), "''");
  const std::string longest(128, 'h');
  EXPECT_EQ(Quoted(longest), absl::StrCat("'", longest, "'"));
}

TEST(QuotedTest, OfALongOneTheBeginningStaysAndItsLengthIsSaid) {
  EXPECT_EQ(Quoted(std::string(3 << 20, 'h')),
            absl::StrCat("'", std::string(128, 'h'),
                         "' (the beginning of 3145728 bytes)"));
}

TEST(QuotedTest, IsCutBetweenCharacters) {
  EXPECT_EQ(Quoted(absl::StrCat(std::string(127, 'h'), "é")),
            absl::StrCat("'", std::string(127, 'h'),
                         "' (the beginning of 129 bytes)"));
  EXPECT_EQ(Quoted("\xff\xfe"), "'\?\?'");
}

}  // namespace
}  // namespace msgproc
