#include "tools/files/open_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::files {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string At(const std::string& name) {
  return testing::TempDir() + "/" + name;
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

TEST(OutputFileTest, WhatAFileHeldStaysUntilSomethingIsWritten) {
  std::ofstream(At("old")) << "what it held";
  {
    const auto output = OutputFile::Open("--json", At("old"));
    ASSERT_TRUE(output.ok()) << output.status();
  }
  EXPECT_EQ(Content(At("old")), "what it held");
  auto output = OutputFile::Open("--json", At("old"));
  EXPECT_TRUE(output->Write("new").ok());
  EXPECT_EQ(Content(At("old")), "new");
}

TEST(OutputFileTest, AFileThatHadToBeMadeGoesAgainIfNothingIsWritten) {
  {
    auto output = OutputFile::Open("--json", At("made"));
    EXPECT_TRUE(Exists(At("made")));
    const OutputFile moved = *std::move(output);
  }
  EXPECT_FALSE(Exists(At("made")));
  {
    auto output = OutputFile::Open("--json", At("made"));
    EXPECT_TRUE(output->Begin().ok());
  }
  EXPECT_TRUE(Exists(At("made")));
  unlink(At("made").c_str());
}

TEST(OutputFileTest, ALinkThatLeadsNowhereIsFollowed) {
  ASSERT_EQ(symlink("target", At("link").c_str()), 0);
  auto output = OutputFile::Open("--json", At("link"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_TRUE(output->Write("x").ok());
  EXPECT_EQ(Content(At("target")), "x");
  unlink(At("link").c_str());
}

TEST(OutputFileTest, WithoutAPathThereIsNothingToDo) {
  auto output = OutputFile::Open("--json", "");
  EXPECT_EQ(output->descriptor(), -1);
  EXPECT_TRUE(output->Write("x").ok());
}

TEST(OutputFileTest, AnErrorNamesTheFlagThePathAndWhatToDo) {
  EXPECT_THAT(
      std::string(OutputFile::Open("--json", "/nowhere/x").status().message()),
      AllOf(HasSubstr("--json: cannot open /nowhere/x"),
            HasSubstr("No such file"), HasSubstr("make its folder first")));
  EXPECT_THAT(
      std::string(
          OutputFile::Open("--json", testing::TempDir()).status().message()),
      HasSubstr("give a file, not a folder"));
}

TEST(OutputFileTest, AFullDiskIsAnError) {
  if (!Exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  auto output = OutputFile::Open("--json", "/dev/full");
  EXPECT_THAT(std::string(output->Write("x").message()),
              AllOf(HasSubstr("cannot write /dev/full"),
                    HasSubstr("make room on its disk")));
}

TEST(OpenInputTest, AFolderOrANameThatIsWrongIsAnError) {
  EXPECT_THAT(std::string(OpenInput("--input", "/nowhere").status().message()),
              AllOf(HasSubstr("--input: cannot open /nowhere"),
                    HasSubstr("is the name right?")));
  EXPECT_THAT(
      std::string(OpenInput("--input", testing::TempDir()).status().message()),
      HasSubstr("give a file, not a folder"));
  std::ofstream(At("in")) << "x";
  EXPECT_TRUE(OpenInput("--input", At("in")).ok());
}

}  // namespace
}  // namespace msgproc::files
