#include "services/processor/store/sqlite_store.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/check.h"
#include "common/mutex.h"
#include "common/thread_annotations.h"
#include "services/processor/store/sqlite_schema.h"
#include "services/processor/store/sqlite_sessions.h"
#include "services/processor/store/transaction_phase.h"
#include "sqlite/lock_file.h"
#include "sqlite/private_file.h"

namespace msgproc::processor {
namespace {

class SqliteStore;

// Has the store's database while it lives.
class SqliteConnection : public StoreConnection, private Transaction {
 public:
  SqliteConnection(SqliteStore* store,
                   std::unique_ptr<SqliteDatabase> database);
  ~SqliteConnection() override;

  absl::StatusOr<std::vector<Claimed>> ClaimSessions(
      absl::Span<const Claim> claims) override;
  absl::Status Begin() override;
  Transaction* transaction() override { return this; }
  absl::Status SetSavepoint() override;
  absl::Status RollbackToSavepoint() override;
  absl::Status ReleaseSavepoint() override;
  absl::StatusOr<std::vector<bool>> Write(
      absl::Span<const SessionWrite> writes) override;
  absl::Status Commit() override;
  void Rollback() override;
  absl::StatusOr<uint64_t> Expire(absl::Duration retention,
                                  absl::Duration tombstone_retention,
                                  uint64_t limit) override;
  absl::StatusOr<bool> Forget(absl::string_view session_id) override;
  absl::StatusOr<Size> MeasureSize() override;

 private:
  absl::StatusOr<std::vector<SqlRow>> Execute(
      absl::string_view sql, absl::Span<const SqlValue> parameters) override;
  void* native() override { return database_->handle(); }

  // Ends the transaction after an error of it; takes note of those after which
  // the file has to be opened anew.
  absl::Status End(absl::Status status);
  absl::Status Savepoint(const char* sql);
  // Runs `work` in a transaction of its own.
  template <typename Result, typename Work>
  absl::StatusOr<Result> InTransaction(const Work& work);

  SqliteStore& store_;
  // Null: gone, after an error.
  std::unique_ptr<SqliteDatabase> database_;
  SqliteSessions sessions_;
  TransactionPhase phase_;
};

class SqliteStore : public SessionStore {
 public:
  SqliteStore(SqliteDatabase::Options file, std::string owner,
              std::string generation, sqlite::LockFile lock,
              std::unique_ptr<SqliteDatabase> database)
      : file_(std::move(file)),
        owner_(std::move(owner)),
        generation_(std::move(generation)),
        lock_(std::move(lock)),
        database_(std::move(database)) {}

  const std::string& generation() const override { return generation_; }
  std::string description() const override {
    return absl::StrCat("sqlite:", file_.path);
  }
  int max_connections() const override { return 1; }
  absl::StatusOr<std::unique_ptr<StoreConnection>> Connect() override;

  const std::string& owner() const { return owner_; }
  // From a connection that ends. Null: the next one opens the file anew.
  void GiveBack(std::unique_ptr<SqliteDatabase> database);

 private:
  const SqliteDatabase::Options file_;
  const std::string owner_;
  const std::string generation_;
  const sqlite::LockFile lock_;

  Mutex mutex_;
  CondVar given_back_;
  bool in_use_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::unique_ptr<SqliteDatabase> database_ MSGPROC_GUARDED_BY(mutex_);
};

SqliteConnection::SqliteConnection(SqliteStore* store,
                                   std::unique_ptr<SqliteDatabase> database)
    : store_(*store),
      database_(std::move(database)),
      sessions_(database_.get(), store->owner(), store->generation()) {}

SqliteConnection::~SqliteConnection() {
  Rollback();
  store_.GiveBack(std::move(database_));
}

absl::Status SqliteConnection::End(absl::Status status) {
  phase_.End();
  if (status.ok() || database_ == nullptr) return status;
  database_->Rollback();
  if (absl::IsUnavailable(status) || absl::IsUnknown(status)) {
    // What SQLite thinks is in the file may not be there.
    database_.reset();
  }
  return status;
}

template <typename Result, typename Work>
absl::StatusOr<Result> SqliteConnection::InTransaction(const Work& work) {
  absl::Status status = Begin();
  if (!status.ok()) return status;
  absl::StatusOr<Result> result = work();
  if (!result.ok()) return End(result.status());
  status = End(database_->Commit());
  // What it would have done may be done: nobody is told so, and all of these
  // may be done twice.
  if (absl::IsUnknown(status)) return absl::UnavailableError(status.message());
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<std::vector<Claimed>> SqliteConnection::ClaimSessions(
    absl::Span<const Claim> claims) {
  return InTransaction<std::vector<Claimed>>(
      [&]() -> absl::StatusOr<std::vector<Claimed>> {
        std::vector<Claimed> all;
        for (const Claim& claim : claims) {
          auto claimed = sessions_.ClaimOne(claim);
          if (!claimed.ok()) return claimed.status();
          all.push_back(*std::move(claimed));
        }
        return all;
      });
}

absl::Status SqliteConnection::Begin() {
  phase_.Begin();
  if (database_ == nullptr) {
    return End(
        absl::UnavailableError("sqlite: the file was closed after an "
                               "error, and has to be opened anew"));
  }
  database_->CheckpointIfLarge();
  absl::Status status = database_->Begin();
  return status.ok() ? status : End(status);
}

absl::StatusOr<std::vector<SqlRow>> SqliteConnection::Execute(
    absl::string_view sql, absl::Span<const SqlValue> parameters) {
  if (absl::Status status = phase_.CheckExecute(); !status.ok()) return status;
  auto rows = database_->ExecuteForHandler(sql, parameters);
  if (!rows.ok()) phase_.ExecuteFailed();
  return rows;
}

absl::Status SqliteConnection::Savepoint(const char* sql) {
  if (!database_->in_transaction()) {
    return End(absl::AbortedError(
        "sqlite: an error of a statement has ended the whole transaction"));
  }
  absl::Status status = database_->Run(sql);
  return status.ok() ? status : End(status);
}

absl::Status SqliteConnection::SetSavepoint() {
  phase_.SetSavepoint();
  return Savepoint("SAVEPOINT msgproc");
}

absl::Status SqliteConnection::RollbackToSavepoint() {
  phase_.RollbackToSavepoint();
  return Savepoint("ROLLBACK TO msgproc");
}

absl::Status SqliteConnection::ReleaseSavepoint() {
  phase_.ReleaseSavepoint();
  return Savepoint("RELEASE msgproc");
}

absl::StatusOr<std::vector<bool>> SqliteConnection::Write(
    absl::Span<const SessionWrite> writes) {
  phase_.Write();
  // Else what follows would be committed statement by statement.
  if (!database_->in_transaction()) {
    return End(absl::InternalError(
        "sqlite: a handler has ended the transaction by the native handle"));
  }
  std::vector<bool> all;
  for (const SessionWrite& write : writes) {
    const auto written = sessions_.WriteOne(write);
    if (!written.ok()) return End(written.status());
    all.push_back(*written);
  }
  return all;
}

absl::Status SqliteConnection::Commit() {
  phase_.Commit();
  return End(database_->Commit());
}

void SqliteConnection::Rollback() {
  phase_.End();
  if (database_ != nullptr) database_->Rollback();
}

absl::StatusOr<uint64_t> SqliteConnection::Expire(
    absl::Duration retention, absl::Duration tombstone_retention,
    uint64_t limit) {
  return InTransaction<uint64_t>(
      [&] { return sessions_.Expire(retention, tombstone_retention, limit); });
}

absl::StatusOr<bool> SqliteConnection::Forget(absl::string_view session_id) {
  return InTransaction<bool>([&] { return sessions_.Forget(session_id); });
}

absl::StatusOr<StoreConnection::Size> SqliteConnection::MeasureSize() {
  return InTransaction<Size>([&]() -> absl::StatusOr<Size> {
    const auto bytes = database_->bytes();
    if (!bytes.ok()) return bytes.status();
    const auto sessions = sessions_.Count();
    if (!sessions.ok()) return sessions.status();
    return Size{.bytes = *bytes, .sessions = *sessions};
  });
}

absl::StatusOr<std::unique_ptr<StoreConnection>> SqliteStore::Connect() {
  const MutexLock lock(&mutex_);
  while (in_use_) given_back_.Wait(&mutex_);
  if (database_ == nullptr) {
    auto opened = SqliteDatabase::Open(file_);
    if (!opened.ok()) return opened.status();
    const auto generation =
        PrepareSqliteSchema(opened->get(), /*renew_generation=*/false);
    if (!generation.ok()) return generation.status();
    if (*generation != generation_) {
      return absl::FailedPreconditionError(
          absl::StrCat("sqlite: ", file_.path,
                       " is another store than before: its "
                       "generation is '",
                       *generation, "' and was '", generation_,
                       "'. Start this processor anew."));
    }
    database_ = *std::move(opened);
  }
  in_use_ = true;
  return std::make_unique<SqliteConnection>(this, std::move(database_));
}

void SqliteStore::GiveBack(std::unique_ptr<SqliteDatabase> database) {
  const MutexLock lock(&mutex_);
  MSGPROC_CHECK(in_use_);
  in_use_ = false;
  database_ = std::move(database);
  given_back_.Signal();
}

// The file of another process is in its way, and not broken.
absl::Status InUse(const absl::Status& status, const std::string& path) {
  return absl::Status(
      status.code(),
      absl::StrCat("the store sqlite:", path,
                   " is in use by another process, and only one can have it: ",
                   status.message(),
                   ". Stop that one, or give each its own file; for a fleet "
                   "with one store there is postgresql://…"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SessionStore>> OpenSqliteStore(
    const SqliteDatabase::Options& file, const StoreOptions& options) {
  absl::Status status = sqlite::MakePrivateFile(file.path);
  if (!status.ok()) return status;
  auto lock = sqlite::LockFile::Take(absl::StrCat(file.path, "-lock"));
  if (!lock.ok()) {
    return absl::IsFailedPrecondition(lock.status())
               ? InUse(lock.status(), file.path)
               : lock.status();
  }
  auto database = SqliteDatabase::Open(file);
  if (!database.ok()) return database.status();
  auto generation =
      PrepareSqliteSchema(database->get(), options.renew_generation);
  if (!generation.ok()) return generation.status();
  return std::make_unique<SqliteStore>(file, options.owner,
                                       *std::move(generation), *std::move(lock),
                                       *std::move(database));
}

}  // namespace msgproc::processor
