#ifndef MSGPROC_SQLITE_DATABASE_H_
#define MSGPROC_SQLITE_DATABASE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/lru_cache.h"
#include "sqlite/statement.h"

namespace msgproc::sqlite {

// Text that SQLite is to have as text; string_views are bytes.
struct Text {
  absl::string_view text;
};

// A file of SQLite's that this process alone reads and writes, through this one
// connection: it writes and checkpoints, so that no two ever do it at once
// (which loses transactions before 3.51.3,
// https://www.sqlite.org/wal.html#walresetbug). What is committed has reached
// the disk. Not thread-safe; never used after a fork.
class Database {
 public:
  struct Options {
    std::string path;
    // SQLite's VFS; null: the usual one.
    const char* vfs = nullptr;
    // Whether a commit waits for the disk. False loses commits with the power.
    bool synchronous = true;
  };

  // Opens it, or makes it. What is left in the write-ahead log is moved to the
  // file, and so written once more, before anybody reads it: after a sync that
  // failed it may be in the system's memory and never reach the disk, while
  // later syncs succeed.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options);

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // A statement whose text is a literal, and which stays prepared. `on_row`:
  // for each row.
  template <typename... Arguments>
  absl::Status Query(const char* sql,
                     absl::FunctionRef<void(const Statement&)> on_row,
                     const Arguments&... arguments) {
    const auto statement = Own(sql);
    if (!statement.ok()) return statement.status();
    int number = 0;
    (BindOne(*statement, ++number, arguments), ...);
    return RunToEnd(*statement, sql, on_row);
  }
  template <typename... Arguments>
  absl::Status Run(const char* sql, const Arguments&... arguments) {
    return Query(
        sql, [](const Statement&) {}, arguments...);
  }
  // Rows that the last INSERT, UPDATE or DELETE changed.
  int64_t changes() const { return sqlite3_changes64(database_); }

  absl::Status Begin() { return Run("BEGIN IMMEDIATE"); }
  // UNKNOWN: it may have taken effect or not. After an error it is rolled back
  // where it has not.
  absl::Status Commit();
  // Also where there is none.
  void Rollback();
  // SQLite ends it by itself after some errors.
  bool in_transaction() const { return sqlite3_get_autocommit(database_) == 0; }

  // Moves what the write-ahead log has into the file, once it is large. Between
  // transactions. An error costs space only, and the next call tries again.
  void CheckpointIfLarge();

  // What file and write-ahead log take.
  absl::StatusOr<uint64_t> bytes();

  sqlite3* handle() { return database_; }

 protected:
  explicit Database(const Options& options);

  // Once, before anything else.
  absl::Status Start();

 private:
  absl::Status OpenFile();
  absl::Status Configure();
  absl::StatusOr<Statement*> Own(const char* sql);
  absl::Status RunToEnd(Statement* statement, absl::string_view doing,
                        absl::FunctionRef<void(const Statement&)> on_row);
  absl::Status LastError(absl::string_view doing) const;

  static void BindOne(Statement* statement, int number,
                      absl::string_view value) {
    statement->BindBytes(number, value);
  }
  static void BindOne(Statement* statement, int number, const Text& value) {
    statement->BindText(number, value.text);
  }
  static void BindOne(Statement* statement, int number, int64_t value) {
    statement->BindInteger(number, value);
  }
  static void BindOne(Statement* statement, int number, uint64_t value) {
    statement->BindInteger(number, static_cast<int64_t>(value));
  }

  const Options options_;
  sqlite3* database_ = nullptr;
  // After `database_`, and gone before it is closed.
  LruCache<std::unique_ptr<Statement>> own_;
  // Pages in the write-ahead log after the last commit.
  int log_pages_ = 0;
};

}  // namespace msgproc::sqlite

#endif  // MSGPROC_SQLITE_DATABASE_H_
