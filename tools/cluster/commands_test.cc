#include "tools/cluster/commands.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::cluster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ParseCommandTest, KnowsItsCommandsAndNamesThemWhereItIsAnother) {
  const auto restart = ParseCommand(" restart\tprocessor-2 ");
  ASSERT_TRUE(restart.ok()) << restart.status();
  EXPECT_EQ(restart->verb, Command::Verb::kRestart);
  EXPECT_EQ(restart->member, "processor-2");
  EXPECT_EQ(ParseCommand("list")->verb, Command::Verb::kList);
  for (const char* line : {"restart", "list all", "start processor-2", ""}) {
    EXPECT_THAT(std::string(ParseCommand(line).status().message()),
                HasSubstr("is no command; there are restart NAME"));
  }
}

class CommandReaderTest : public testing::Test {
 protected:
  CommandReaderTest()
      : path_(testing::TempDir() + "/commands." + std::to_string(getpid())),
        reader_(CommandReader::Open(path_).value()),
        writer_(open(path_.c_str(), O_WRONLY | O_CLOEXEC)) {
    EXPECT_GE(writer_.get(), 0);
  }
  ~CommandReaderTest() override { unlink(path_.c_str()); }

  void Write(const std::string& text) {
    EXPECT_EQ(write(writer_.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  // What is there already.
  std::vector<std::string> Read() { return reader_.Read(absl::ZeroDuration()); }

  const std::string path_;
  CommandReader reader_;
  const base::UniqueFd writer_;
};

TEST_F(CommandReaderTest, ReadsLinesThatAreWhole) {
  EXPECT_THAT(Read(), IsEmpty());
  Write("list\n\n  stop a \r\nkill");
  EXPECT_THAT(Read(), ElementsAre("list", "stop a"));
  Write(" b\n");
  EXPECT_THAT(Read(), ElementsAre("kill b"));
}

TEST_F(CommandReaderTest, WhatIsTooLongForACommandIsDropped) {
  Write(std::string(4096, 'x'));
  EXPECT_THAT(Read(), IsEmpty());
  Write("list\n");
  EXPECT_THAT(Read(), ElementsAre("list"));
}

}  // namespace
}  // namespace msgproc::cluster
