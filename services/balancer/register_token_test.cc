#include "services/balancer/register_token.h"

#include <fstream>
#include <string>

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
  WriteFile(kOther);
  ASSERT_TRUE(token.Reload().ok());
  EXPECT_TRUE(token.Check(std::string("Bearer ") + kOther).ok());
  EXPECT_FALSE(token.Check(std::string("Bearer ") + kToken).ok());
  WriteFile("");
  EXPECT_FALSE(token.Reload().ok());
  EXPECT_TRUE(token.Check(std::string("Bearer ") + kOther).ok());
}

}  // namespace
}  // namespace msgproc::balancer
