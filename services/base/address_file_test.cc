#include "services/base/address_file.h"

#include <dirent.h>
#include <sys/stat.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

int FilesIn(const std::string& folder) {
  DIR* dir = opendir(folder.c_str());
  int count = 0;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(dir);
  return count;
}

TEST(AddressFileTest, HoldsALineForEachAddress) {
  const std::string folder = NewTestFolder();
  const std::string path = folder + "/address";
  ASSERT_TRUE(WriteAddressFile(path, {{"grpc", "127.0.0.1:1234"},
                                      {"http", "127.0.0.1:8051"}})
                  .ok());
  EXPECT_EQ(ReadTestFile(path), "grpc=127.0.0.1:1234\nhttp=127.0.0.1:8051\n");
  ASSERT_TRUE(WriteAddressFile(path, {{"grpc", "unix:/x"}, {"http", ""}}).ok());
  EXPECT_EQ(ReadTestFile(path), "grpc=unix:/x\n");
  EXPECT_EQ(FilesIn(folder), 1);
}

TEST(AddressFileTest, AFailureNamesTheFileAndLeavesNothingBehind) {
  const absl::Status missing =
      WriteAddressFile("/no/such/folder/address", {{"grpc", "a"}});
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("/no/such/folder/address"));
  const std::string folder = NewTestFolder();
  ASSERT_EQ(mkdir((folder + "/address").c_str(), 0700), 0);
  EXPECT_FALSE(WriteAddressFile(folder + "/address", {{"grpc", "a"}}).ok());
  EXPECT_EQ(FilesIn(folder), 1);
}

}  // namespace
}  // namespace msgproc::base
