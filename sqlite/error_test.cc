#include "sqlite/error.h"

#include <sqlite3.h>

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::sqlite {
namespace {

using ::testing::HasSubstr;

using Code = absl::StatusCode;

TEST(ErrorTest, EachKindHasItsCode) {
  EXPECT_EQ(Classify(SQLITE_OK, 0), Code::kOk);
  EXPECT_EQ(Classify(SQLITE_FULL, ENOSPC), Code::kResourceExhausted);
  EXPECT_EQ(Classify(SQLITE_NOMEM, 0), Code::kResourceExhausted);
  EXPECT_EQ(Classify(SQLITE_IOERR_WRITE, EIO), Code::kUnavailable);
  EXPECT_EQ(Classify(SQLITE_IOERR_WRITE, EDQUOT), Code::kResourceExhausted);
  EXPECT_EQ(Classify(SQLITE_IOERR_FSYNC, ENOSPC), Code::kResourceExhausted);
  EXPECT_EQ(Classify(SQLITE_BUSY, 0), Code::kUnavailable);
  EXPECT_EQ(Classify(SQLITE_CANTOPEN, 0), Code::kUnavailable);
  EXPECT_EQ(Classify(SQLITE_CANTOPEN, EROFS), Code::kPermissionDenied);
  EXPECT_EQ(Classify(SQLITE_READONLY_DBMOVED, 0), Code::kPermissionDenied);
  EXPECT_EQ(Classify(SQLITE_CORRUPT, 0), Code::kInternal);
  EXPECT_EQ(Classify(SQLITE_CONSTRAINT_UNIQUE, 0), Code::kInternal);
}

TEST(ErrorTest, ACommitThatCouldNotBeSyncedMayHaveTakenEffect) {
  EXPECT_EQ(ClassifyCommit(SQLITE_IOERR_FSYNC, EIO), Code::kUnknown);
  EXPECT_EQ(ClassifyCommit(SQLITE_IOERR_FSYNC, ENOSPC), Code::kUnknown);
  // Of this one the last frame could not be written.
  EXPECT_EQ(ClassifyCommit(SQLITE_FULL, ENOSPC), Code::kResourceExhausted);
  EXPECT_EQ(ClassifyCommit(SQLITE_OK, 0), Code::kOk);
}

TEST(ErrorTest, AHandlersMistakesAreItsOwn) {
  EXPECT_EQ(ClassifyExecute(SQLITE_ERROR, 0), Code::kInvalidArgument);
  EXPECT_EQ(ClassifyExecute(SQLITE_AUTH, 0), Code::kInvalidArgument);
  EXPECT_EQ(ClassifyExecute(SQLITE_CONSTRAINT_CHECK, 0),
            Code::kFailedPrecondition);
  EXPECT_EQ(ClassifyExecute(SQLITE_CONSTRAINT_UNIQUE, 0), Code::kAlreadyExists);
  EXPECT_EQ(ClassifyExecute(SQLITE_CONSTRAINT_PRIMARYKEY, 0),
            Code::kAlreadyExists);
  EXPECT_EQ(ClassifyExecute(SQLITE_FULL, 0), Code::kResourceExhausted);
}

TEST(ErrorTest, TheTextSaysWhatWasDone) {
  const absl::Status status =
      ErrorStatus(Code::kUnavailable, SQLITE_BUSY, "who knows", "commit");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(),
              HasSubstr("sqlite: cannot commit: who knows (database is "));
}

}  // namespace
}  // namespace msgproc::sqlite
