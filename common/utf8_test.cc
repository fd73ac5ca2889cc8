#include "common/utf8.h"

#include "gtest/gtest.h"

namespace msgproc {
namespace {

TEST(Utf8Test, KnowsWhatIsWellFormed) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8(absl::string_view("\0", 1)));
  EXPECT_TRUE(IsUtf8("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
  EXPECT_TRUE(IsUtf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"));
}

TEST(Utf8Test, KnowsWhatIsNot) {
  for (const char* text :
       {"\xff", "\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf", "\xe2\x82",
        "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf0\x9f\x98",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "fine until \xfe"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(Utf8Test, KeepsWhatIsWellFormed) {
  EXPECT_EQ(TruncateUtf8("a\xc3\xa9", 100), "a\xc3\xa9");
  EXPECT_EQ(TruncateUtf8("a\xff\xc3(\xe2\x82", 100),
            "a?"
            "?(?"
            "?");
}

TEST(Utf8Test, CutsBetweenCharacters) {
  EXPECT_EQ(TruncateUtf8("a\xc3\xa9z", 3), "a\xc3\xa9");
  EXPECT_EQ(TruncateUtf8("a\xc3\xa9z", 2), "a");
  EXPECT_EQ(TruncateUtf8("abc", 0), "");
}

}  // namespace
}  // namespace msgproc
