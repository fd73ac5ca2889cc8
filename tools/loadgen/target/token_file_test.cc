#include "tools/loadgen/target/token_file.h"

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

using testing::HasSubstr;

class TokenFileTest : public testing::Test {
 protected:
  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::trunc) << text;
  }

  const std::string path_ = testing::TempDir() + "/token";
};

TEST_F(TokenFileTest, IsWhatIsInTheFileNow) {
  Write("  one.two.three\n\n");
  EXPECT_EQ(ReadToken("--token_file", path_).value(), "one.two.three");
  Write("four.five.six");
  EXPECT_EQ(ReadToken("--token_file", path_).value(), "four.five.six");
}

TEST_F(TokenFileTest, AMistakeSaysWhichFile) {
  Write(" \n");
  for (const std::string& path : {path_, path_ + "/no", path_ + "x"}) {
    const absl::Status status = ReadToken("--token_file", path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("--token_file=" + path + ": "));
  }
}

}  // namespace
}  // namespace msgproc::loadgen
