#include "services/balancer/register_token.h"

#include <fstream>
#include <string>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

constexpr char kToken[] = "0123456789abcdef";
constexpr char kOther[] = "fedcba9876543210";

std::string WriteFile(const std::string& content) {
  const std::string path =
      testing::TempDir() + "/" +
      testing::UnitTest::GetInstance()->current_test_info()->name();
  std::ofstream(path) << content;
  return path;
}

TEST(RegisterTokenTest, LetsEveryoneInWithoutAFile) {
  RegisterToken token;
  ASSERT_TRUE(token.Load("").ok());
  EXPECT_TRUE(token.Check("").ok());
}

TEST(RegisterTokenTest, LetsInWhoeverShowsAnyOfTheTokens) {
  RegisterToken token;
  ASSERT_TRUE(token
                  .Load(WriteFile(std::string("# new\n") + kToken +
                                  "\n\n# old\n" + kOther + "\n"))
                  .ok());
  EXPECT_TRUE(token.Check(std::string("Bearer ") + kToken).ok());
  EXPECT_TRUE(token.Check(std::string("bearer ") + kOther).ok());
}

TEST(RegisterTokenTest, RefusesAllOthers) {
  RegisterToken token;
  ASSERT_TRUE(token.Load(WriteFile(kToken)).ok());
  for (const std::string& shown :
       {std::string(), std::string("Bearer "), std::string(kToken),
        std::string("Bearer ") + kOther, std::string("Bearer 0123456789abcde"),
        std::string("Basic ") + kToken}) {
    EXPECT_EQ(token.Check(shown).code(), absl::StatusCode::kPermissionDenied)
        << shown;
  }
}

TEST(RegisterTokenTest, SaysWhatIsWrongWithTheFile) {
  RegisterToken token;
  EXPECT_EQ(token.Load("/nonexistent/token").code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(token.Load(WriteFile("\n# nothing\n")).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(token.Load(WriteFile("short")).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RegisterTokenTest, TakesAChangedFileAndKeepsTheTokensFromABrokenOne) {
  RegisterToken token;
  ASSERT_TRUE(token.Load(WriteFile(kToken)).ok());
  const auto poll_twice = [&] {
    token.files()->Poll(absl::Now()).IgnoreError();
    return token.files()->Poll(absl::Now());
  };
  WriteFile(kOther);
  ASSERT_TRUE(poll_twice().ok());
  EXPECT_TRUE(token.Check(std::string("Bearer ") + kOther).ok());
  EXPECT_FALSE(token.Check(std::string("Bearer ") + kToken).ok());
  // Emptied, and cut in the middle of a token.
  for (const std::string& broken :
       {std::string(), std::string(kToken) + "\n" + "fedcba98"}) {
    WriteFile(broken);
    EXPECT_FALSE(poll_twice().ok()) << broken;
    EXPECT_TRUE(token.Check(std::string("Bearer ") + kOther).ok());
    EXPECT_FALSE(token.Check(std::string("Bearer ") + kToken).ok());
  }
  EXPECT_EQ(token.files()->stats().failures, 2U);
}

}  // namespace
}  // namespace msgproc::balancer
