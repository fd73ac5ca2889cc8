#include "sqlite/database.h"

#include <sys/stat.h>

#include <cstddef>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "sqlite/error.h"

namespace msgproc::sqlite {
namespace {

constexpr size_t kMostStatements = 64;
// 32 MiB of 16 KiB pages. Results are trimmed within a few commits, and the
// pages they leave are used again: the longer the log, the fewer of its pages
// are moved to the file.
constexpr int kLargeLogPages = 2048;
// What another program may take for a look into the file.
constexpr int kBusyTimeoutMillis = 500;

// Before anything else is done with the file: without the exclusive mode from
// the beginning, the log's index would be a file, shared with other processes.
constexpr const char* kSettings[] = {
    "PRAGMA locking_mode=EXCLUSIVE",
    // Of a file that is new.
    "PRAGMA page_size=16384",
    "PRAGMA journal_mode=WAL",
    "PRAGMA journal_size_limit=67108864",
    // Debian's default writes zeros over the pages of what is trimmed: as much
    // again as the results.
    "PRAGMA secure_delete=FAST",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    // KiB. A group's pages must not leave it before they are committed.
    "PRAGMA cache_size=-32768",
};

}  // namespace

Database::Database(const Options& options)
    : options_(options), own_(kMostStatements) {}

Database::~Database() {
  own_.Clear();
  // Statements are gone, so that this cannot fail.
  MSGPROC_CHECK_EQ(sqlite3_close(database_), SQLITE_OK);
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const Options& options) {
  auto database = absl::WrapUnique(new Database(options));
  absl::Status status = database->Start();
  if (!status.ok()) return status;
  return database;
}

absl::Status Database::Start() {
  absl::Status status = OpenFile();
  return status.ok() ? Configure() : status;
}

absl::Status Database::OpenFile() {
  const int result =
      sqlite3_open_v2(options_.path.c_str(), &database_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                          SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      options_.vfs);
  if (result != SQLITE_OK) return LastError("open the file");
  // SQLite makes do with a file that it can only read, and fails later, over a
  // lock.
  if (sqlite3_db_readonly(database_, "main") == 1) {
    return absl::PermissionDeniedError(
        absl::StrCat("sqlite: ", options_.path,
                     " cannot be written: the file or its file system is "
                     "read-only"));
  }
  sqlite3_busy_timeout(database_, kBusyTimeoutMillis);
  for (const auto& [option, on] :
       {std::pair(SQLITE_DBCONFIG_DEFENSIVE, 1),
        // "text" is an identifier and never a string, as in PostgreSQL.
        std::pair(SQLITE_DBCONFIG_DQS_DML, 0),
        std::pair(SQLITE_DBCONFIG_DQS_DDL, 0)}) {
    MSGPROC_CHECK_EQ(sqlite3_db_config(database_, option, on, nullptr),
                     SQLITE_OK);
  }
  // In place of SQLite's own, which checkpoints within a commit.
  sqlite3_wal_hook(
      database_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Database*>(self)->log_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  return absl::OkStatus();
}

absl::Status Database::Configure() {
  std::string journal_mode;
  for (const char* setting : kSettings) {
    absl::Status status = Query(setting, [&](const Statement& row) {
      if (absl::string_view(setting) == "PRAGMA journal_mode=WAL") {
        journal_mode = row.bytes(0);
      }
    });
    if (!status.ok()) return status;
  }
  if (journal_mode != "wal") {
    return absl::FailedPreconditionError(absl::StrCat(
        "sqlite: the file cannot have a write-ahead log (its journal_mode is '",
        journal_mode, "')"));
  }
  absl::Status status = Run(options_.synchronous ? "PRAGMA synchronous=FULL"
                                                 : "PRAGMA synchronous=OFF");
  if (!status.ok()) return status;
  if (sqlite3_wal_checkpoint_v2(database_, "main", SQLITE_CHECKPOINT_TRUNCATE,
                                nullptr, nullptr) != SQLITE_OK) {
    return LastError("move the write-ahead log into the file");
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement*> Database::Own(const char* sql) {
  if (auto* statement = own_.Find(sql)) return statement->get();
  auto prepared = Statement::Prepare(database_, sql);
  if (!prepared.ok()) {
    // Not the text is wrong: the file cannot be read, or is none of SQLite's.
    absl::Status status = LastError(sql);
    MSGPROC_CHECK(!status.ok());
    return status;
  }
  return own_.Insert(sql, *std::move(prepared), [](const auto&) {})->get();
}

absl::Status Database::RunToEnd(
    Statement* statement, absl::string_view doing,
    absl::FunctionRef<void(const Statement&)> on_row) {
  int result = statement->Step();
  for (; result == SQLITE_ROW; result = statement->Step()) on_row(*statement);
  absl::Status status;
  if (result != SQLITE_DONE) status = LastError(doing);
  statement->Reset();
  return status;
}

absl::Status Database::Commit() {
  const auto statement = Own("COMMIT");
  if (!statement.ok()) return statement.status();
  absl::Status status;
  if ((*statement)->Step() != SQLITE_DONE) {
    const int code = sqlite3_extended_errcode(database_);
    status = ErrorStatus(ClassifyCommit(code, sqlite3_system_errno(database_)),
                         code, sqlite3_errmsg(database_), "commit");
  }
  (*statement)->Reset();
  if (!status.ok()) Rollback();
  return status;
}

void Database::Rollback() {
  // Its error says that SQLite has rolled back already.
  if (in_transaction()) Run("ROLLBACK").IgnoreError();
}

void Database::CheckpointIfLarge() {
  if (log_pages_ < kLargeLogPages) return;
  if (sqlite3_wal_checkpoint_v2(database_, "main", SQLITE_CHECKPOINT_PASSIVE,
                                nullptr, nullptr) == SQLITE_OK) {
    log_pages_ = 0;
  }
}

absl::StatusOr<uint64_t> Database::bytes() {
  int64_t pages = 0;
  absl::Status status =
      Query("PRAGMA page_count",
            [&pages](const Statement& row) { pages = row.integer(0); });
  int64_t page_size = 0;
  if (status.ok()) {
    status = Query("PRAGMA page_size",
                   [&](const Statement& row) { page_size = row.integer(0); });
  }
  if (!status.ok()) return status;
  struct stat log = {};
  const std::string log_path = absl::StrCat(options_.path, "-wal");
  if (stat(log_path.c_str(), &log) != 0) log.st_size = 0;
  return static_cast<uint64_t>(pages * page_size + log.st_size);
}

absl::Status Database::LastError(absl::string_view doing) const {
  const int code = sqlite3_extended_errcode(database_);
  return ErrorStatus(Classify(code, sqlite3_system_errno(database_)), code,
                     sqlite3_errmsg(database_), doing);
}

}  // namespace msgproc::sqlite
