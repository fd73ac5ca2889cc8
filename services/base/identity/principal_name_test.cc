#include "services/base/identity/principal_name.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

std::string WrongWith(absl::string_view name) {
  return std::string(CheckPrincipalName(name).message());
}

TEST(PrincipalName, TakesWhatPeopleAndMachinesAreCalled) {
  for (const char* name :
       {"alice", "spiffe://example.org/ns/prod/sa/billing", "auth0|5f7c",
        "Zo\xc3\xab K.", "\xe6\x9d\x8e", "client.example.org"}) {
    EXPECT_EQ(WrongWith(name), "") << name;
  }
}

TEST(PrincipalName, TakesAtMost256Bytes) {
  EXPECT_EQ(WrongWith(std::string(256, 'a')), "");
  EXPECT_EQ(WrongWith(std::string(257, 'a')),
            "has 257 bytes; at most 256 are taken");
  EXPECT_EQ(WrongWith(""), "is empty");
}

TEST(PrincipalName, HasNothingThatDeceivesAReader) {
  const std::string controls[] = {
      "\n",           "\r", "\t", "\x1b[31m", "\x7f", std::string("\0", 1),
      "\xc2\x80",      // U+0080
      "\xc2\x9f",      // U+009F
      "\xe2\x80\xa8",  // U+2028 line separator
      "\xe2\x80\xae",  // U+202E right-to-left override
      "\xe2\x81\xa6",  // U+2066 isolate
      "\xe2\x81\xa9",
  };
  for (const std::string& control : controls) {
    EXPECT_EQ(WrongWith("a" + control + "b"), "has control characters in it")
        << testing::PrintToString(control);
  }
  // Their neighbours are letters like any other.
  for (const char* fine : {" ", "~", "\xc2\xa0", "\xe2\x80\xa7", "\xe2\x80\xaf",
                           "\xe2\x81\xa5", "\xe2\x81\xaa"}) {
    EXPECT_EQ(WrongWith(fine), "") << testing::PrintToString(fine);
  }
}

TEST(PrincipalName, IsUtf8) {
  EXPECT_EQ(WrongWith("a\xff"), "is not UTF-8");
  EXPECT_EQ(WrongWith("a\xc2"), "is not UTF-8");
}

}  // namespace
}  // namespace msgproc::base
