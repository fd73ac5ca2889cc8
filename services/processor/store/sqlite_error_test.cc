#include "services/processor/store/sqlite_error.h"

#include <sqlite3.h>

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;

using Code = absl::StatusCode;

TEST(SqliteErrorTest, EachKindHasItsCode) {
  EXPECT_EQ(ClassifySqlite(SQLITE_OK, 0), Code::kOk);
  EXPECT_EQ(ClassifySqlite(SQLITE_FULL, ENOSPC), Code::kResourceExhausted);
  EXPECT_EQ(ClassifySqlite(SQLITE_NOMEM, 0), Code::kResourceExhausted);
  EXPECT_EQ(ClassifySqlite(SQLITE_IOERR_WRITE, EIO), Code::kUnavailable);
  EXPECT_EQ(ClassifySqlite(SQLITE_IOERR_WRITE, EDQUOT),
            Code::kResourceExhausted);
  EXPECT_EQ(ClassifySqlite(SQLITE_IOERR_FSYNC, ENOSPC),
            Code::kResourceExhausted);
  EXPECT_EQ(ClassifySqlite(SQLITE_BUSY, 0), Code::kUnavailable);
  EXPECT_EQ(ClassifySqlite(SQLITE_CANTOPEN, 0), Code::kUnavailable);
  EXPECT_EQ(ClassifySqlite(SQLITE_CANTOPEN, EROFS), Code::kPermissionDenied);
  EXPECT_EQ(ClassifySqlite(SQLITE_READONLY_DBMOVED, 0),
            Code::kPermissionDenied);
  EXPECT_EQ(ClassifySqlite(SQLITE_CORRUPT, 0), Code::kInternal);
  EXPECT_EQ(ClassifySqlite(SQLITE_CONSTRAINT_UNIQUE, 0), Code::kInternal);
}

TEST(SqliteErrorTest, ACommitThatCouldNotBeSyncedMayHaveTakenEffect) {
  EXPECT_EQ(ClassifySqliteCommit(SQLITE_IOERR_FSYNC, EIO), Code::kUnknown);
  EXPECT_EQ(ClassifySqliteCommit(SQLITE_IOERR_FSYNC, ENOSPC), Code::kUnknown);
  // Of this one the last frame could not be written.
  EXPECT_EQ(ClassifySqliteCommit(SQLITE_FULL, ENOSPC),
            Code::kResourceExhausted);
  EXPECT_EQ(ClassifySqliteCommit(SQLITE_OK, 0), Code::kOk);
}

TEST(SqliteErrorTest, AHandlersMistakesAreItsOwn) {
  EXPECT_EQ(ClassifySqliteExecute(SQLITE_ERROR, 0), Code::kInvalidArgument);
  EXPECT_EQ(ClassifySqliteExecute(SQLITE_AUTH, 0), Code::kInvalidArgument);
  EXPECT_EQ(ClassifySqliteExecute(SQLITE_CONSTRAINT_CHECK, 0),
            Code::kFailedPrecondition);
  EXPECT_EQ(ClassifySqliteExecute(SQLITE_CONSTRAINT_UNIQUE, 0),
            Code::kAlreadyExists);
  EXPECT_EQ(ClassifySqliteExecute(SQLITE_CONSTRAINT_PRIMARYKEY, 0),
            Code::kAlreadyExists);
  EXPECT_EQ(ClassifySqliteExecute(SQLITE_FULL, 0), Code::kResourceExhausted);
}

TEST(SqliteErrorTest, TheTextSaysWhatWasDone) {
  const absl::Status status =
      SqliteStatus(Code::kUnavailable, SQLITE_BUSY, "who knows", "commit");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(),
              HasSubstr("sqlite: cannot commit: who knows (database is "));
}

}  // namespace
}  // namespace msgproc::processor
