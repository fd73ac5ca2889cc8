#include "services/base/identity/access_file.h"

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

constexpr char kEchoForAll[] =
    "rules { sources: SOURCE_ANONYMOUS handlers: 'echo' }";

class AccessFileTest : public ::testing::Test {
 protected:
  AccessFileTest() { Write(kEchoForAll); }

  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::trunc) << text;
  }
  // A change is seen at the first look and judged at the second.
  static absl::Status PollTwice(const AccessFile& access) {
    access.files().at(0)->Poll(absl::UnixEpoch()).IgnoreError();
    return access.files().at(0)->Poll(absl::UnixEpoch());
  }

  const std::string path_ = NewTestFolder() + "/access.txtpb";
};

TEST_F(AccessFileTest, WithoutAFileThereAreNoRules) {
  const auto access = LoadAccessFile("");
  ASSERT_TRUE(access.ok());
  EXPECT_EQ((*access)->Current(), nullptr);
  EXPECT_TRUE((*access)->files().empty());
}

TEST_F(AccessFileTest, AMistakeStopsTheStart) {
  Write("rules {");
  const auto access = LoadAccessFile(path_);
  EXPECT_TRUE(absl::IsInvalidArgument(access.status()));
  EXPECT_THAT(std::string(access.status().message()),
              HasSubstr("--access_file: " + path_ + ":1:"));
  EXPECT_TRUE(absl::IsNotFound(LoadAccessFile(path_ + "x").status()));
}

TEST_F(AccessFileTest, AChangeIsTakenAndTold) {
  const auto access = LoadAccessFile(path_);
  ASSERT_TRUE(access.ok()) << access.status();
  int told = 0;
  (*access)->OnChange([&] {
    ++told;
    EXPECT_EQ((*access)->Current()->Find(Principal()), nullptr);
  });
  const auto before = (*access)->Current();
  EXPECT_NE(before->Find(Principal()), nullptr);
  Write("");
  EXPECT_TRUE(PollTwice(**access).ok());
  EXPECT_EQ(told, 1);
  EXPECT_EQ((*access)->Current()->Find(Principal()), nullptr);
  // Who holds the old rules may go on looking at them.
  EXPECT_NE(before->Find(Principal()), nullptr);
}

TEST_F(AccessFileTest, AMistakeLaterChangesNothingAndIsCounted) {
  const auto access = LoadAccessFile(path_);
  ASSERT_TRUE(access.ok()) << access.status();
  int told = 0;
  (*access)->OnChange([&told] { ++told; });
  const auto before = (*access)->Current();
  Write("rules { handlers: 'echo'");
  EXPECT_THAT(std::string(PollTwice(**access).message()),
              HasSubstr(path_ + ":1:"));
  EXPECT_EQ((*access)->Current(), before);
  EXPECT_EQ(told, 0);
  EXPECT_EQ((*access)->files().at(0)->stats().failures, 1u);
  EXPECT_EQ((*access)->files().at(0)->stats().name, "access_file");
}

}  // namespace
}  // namespace msgproc::base
