#include "services/processor/store/schema_version.h"

#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;

TEST(SchemaVersionTest, ItsOwnAndWhatCameBeforeIsRead) {
  EXPECT_TRUE(
      CheckSchemaVersion(kSchemaVersion, kOldestReader, kEncodingVersion).ok());
  EXPECT_TRUE(CheckSchemaVersion(1, 0, 0).ok());
}

TEST(SchemaVersionTest, OneThatNeverWasIsBroken) {
  for (const int64_t version : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
    const absl::Status status = CheckSchemaVersion(version, 1, 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr("msgproc_meta is broken"));
  }
}

TEST(SchemaVersionTest, OneThatHasOnlyGrownIsReadToo) {
  EXPECT_TRUE(
      CheckSchemaVersion(kSchemaVersion + 1, kSchemaVersion, kEncodingVersion)
          .ok());
}

TEST(SchemaVersionTest, ALaterOneIsRefusedByName) {
  const absl::Status status = CheckSchemaVersion(
      kSchemaVersion + 2, kSchemaVersion + 1, kEncodingVersion);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  static_assert(kSchemaVersion == 3);
  EXPECT_THAT(status.message(), HasSubstr("tables of version 5"));
  EXPECT_THAT(status.message(), HasSubstr("knows version 4;"));
  EXPECT_THAT(status.message(), HasSubstr("this one knows version 3."));
  EXPECT_THAT(
      CheckSchemaVersion(1, 1, kEncodingVersion + 1).message(),
      HasSubstr("results of encoding 2, and this processor knows encoding 1"));
}

}  // namespace
}  // namespace msgproc::processor
