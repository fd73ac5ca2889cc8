#include "tools/files/distinct_files.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::files {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Use = NamedFile::Use;

class DistinctFilesTest : public testing::Test {
 protected:
  DistinctFilesTest() {
    std::string name = testing::TempDir() + "/filesXXXXXX";
    folder_ = mkdtemp(name.data());
    std::ofstream(At("there")) << "x";
  }
  ~DistinctFilesTest() override { std::filesystem::remove_all(folder_); }

  std::string At(const std::string& name) const { return folder_ + "/" + name; }

  static bool Clash(const std::string& a, const std::string& b,
                    Use use = Use::kWrite) {
    return !CheckDistinct({{"--a", a, use}, {"--b", b, Use::kWrite}}).ok();
  }

  std::string folder_;
};

TEST_F(DistinctFilesTest, AFileIsItselfByWhateverName) {
  std::filesystem::create_symlink("there", At("soft"));
  std::filesystem::create_hard_link(At("there"), At("hard"));
  for (const char* name : {"there", "./there", "soft", "hard", "../there"}) {
    const std::string other =
        std::string(name) == "../there" ? folder_ + "/x/../there" : At(name);
    std::filesystem::create_directory(At("x"));
    EXPECT_TRUE(Clash(At("there"), other)) << name;
    EXPECT_TRUE(Clash(At("there"), other, Use::kRead)) << name;
  }
  EXPECT_FALSE(Clash(At("there"), At("x/there")));
}

TEST_F(DistinctFilesTest, SoIsOneThatDoesNotExistYet) {
  std::filesystem::create_directory(At("real"));
  std::filesystem::create_directory_symlink("real", At("link"));
  std::filesystem::create_symlink("new", At("dangling"));
  std::filesystem::create_symlink("dangling", At("dangling_twice"));
  EXPECT_TRUE(Clash(At("new"), At("./new")));
  EXPECT_TRUE(Clash(At("real/new"), At("link/new")));
  EXPECT_TRUE(Clash(At("new"), At("dangling")));
  EXPECT_TRUE(Clash(At("dangling_twice"), At("new")));
  EXPECT_FALSE(Clash(At("new"), At("newer")));
  EXPECT_FALSE(Clash(At("real/new"), At("new")));
}

TEST_F(DistinctFilesTest, RelativePathsCountFromTheWorkingFolder) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  EXPECT_TRUE(Clash("new", At("new")));
  EXPECT_TRUE(Clash("there", "./there", Use::kRead));
  std::filesystem::current_path(before);
}

TEST_F(DistinctFilesTest, EveryPairIsLookedAt) {
  const absl::Status status = CheckDistinct({{"--input", At("in"), Use::kRead},
                                             {"--output", At("out")},
                                             {"--json", ""},
                                             {"--report", At("./out")}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("--output="), HasSubstr("--report="),
                    HasSubstr("are the same file")));
}

TEST_F(DistinctFilesTest, WhatIsOnlyReadMayBeOneFile) {
  EXPECT_TRUE(CheckDistinct({{"--tls_cert", At("there"), Use::kRead},
                             {"--tls_key", At("there"), Use::kRead},
                             {"--json", At("json")}})
                  .ok());
}

TEST_F(DistinctFilesTest, TheStandardOutputTakesOneOfThem) {
  EXPECT_TRUE(Clash("-", "-"));
  EXPECT_FALSE(Clash("-", "-", Use::kRead));
  EXPECT_FALSE(Clash("-", At("new")));
}

TEST_F(DistinctFilesTest, TheNullDeviceTakesThemAll) {
  EXPECT_FALSE(Clash("/dev/null", "/dev/null"));
}

TEST_F(DistinctFilesTest, AFolderThatIsNotThereIsForTheOpeningToSay) {
  EXPECT_FALSE(Clash("/nowhere/a", "/nowhere/a"));
}

}  // namespace
}  // namespace msgproc::files
