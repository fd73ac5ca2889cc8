#include "services/processor/store/postgres_store_connection.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/processor/store/handler_statement.h"
#include "services/processor/store/postgres_error.h"
#include "services/processor/store/postgres_values.h"

namespace msgproc::processor {
namespace {

// Whatever is the server's default.
constexpr absl::string_view kBegin =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
// A constraint that is violated is the message's that violates it, and not the
// whole group's when that commits.
// Any number that nobody else's advisory locks have: "msgproc".
constexpr absl::string_view kSerialize =
    "SELECT pg_advisory_xact_lock(30807917298249571)";
constexpr absl::string_view kConstraints = "SET CONSTRAINTS ALL IMMEDIATE";
constexpr size_t kCheckedStatements = 256;
// What is put off at most: less than sockets take without a reader, since the
// server's answers are read only when all is written.
constexpr size_t kMostPutOff = 256;
constexpr size_t kMostPutOffBytes = 32 << 10;
// Of a statement and each parameter, beside their bytes.
constexpr size_t kOverheadBytes = 32;
constexpr int kClaimRounds = 10;

std::string Milliseconds(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Milliseconds(duration));
}

// A process that was killed while the server waited for a lock on its behalf
// would go on waiting, and hold what it has locked, until lock_timeout: the
// server looks at the connection only when it is told to, from version 14 and
// on systems that can.
constexpr absl::string_view kSetTimeouts =
    "SELECT set_config('lock_timeout', $1, $3::boolean),"
    " set_config('idle_in_transaction_session_timeout', $2, $3::boolean),"
    " CASE WHEN current_setting('client_connection_check_interval', true) = '0'"
    " AND version() LIKE '%linux%' THEN"
    " set_config('client_connection_check_interval', '250ms', $3::boolean) END";

}  // namespace

PostgresConnection::Query SetTimeouts(const StoreOptions& options,
                                      bool for_the_transaction) {
  PostgresParameters parameters;
  parameters.Text(Milliseconds(options.lock_timeout))
      .Text(Milliseconds(options.idle_in_transaction_timeout))
      .Text(for_the_transaction ? "true" : "false");
  return {.sql = kSetTimeouts,
          .parameters = std::move(parameters),
          .prepared = false};
}

PostgresStoreConnection::PostgresStoreConnection(
    std::unique_ptr<PostgresConnection> connection, const StoreOptions& options,
    const std::string& generation)
    : connection_(std::move(connection)),
      options_(options),
      sessions_(connection_.get(), options.owner, generation),
      checked_(kCheckedStatements) {}

absl::Status PostgresStoreConnection::BeginNow() {
  MSGPROC_CHECK_EQ(connection_->queued(), 0u);
  if (connection_->broken()) {
    return absl::UnavailableError("postgresql: the connection was lost");
  }
  connection_->Queue(kBegin);
  if (!options_.prepared_statements) {
    connection_->Queue(SetTimeouts(options_, /*for_the_transaction=*/true));
  }
  return absl::OkStatus();
}

absl::Status PostgresStoreConnection::Begin() {
  phase_.Begin();
  sent_ = false;
  constraints_set_ = false;
  absl::Status status = BeginNow();
  return status.ok() ? status : End(status);
}

absl::Status PostgresStoreConnection::Serialize() {
  connection_->Queue(kSerialize);
  return absl::OkStatus();
}

absl::Status PostgresStoreConnection::End(absl::Status status) {
  phase_.End();
  connection_->DropQueue();
  put_off_ = put_off_bytes_ = 0;
  put_off_sql_.clear();
  put_off_status_ = absl::OkStatus();
  if (sent_ && !connection_->broken()) {
    connection_->Queue("ROLLBACK");
    const auto rolled_back = connection_->Flush();
    // Whatever it has then, it is not a connection to begin with again.
    if (!rolled_back.ok()) connection_->GiveUp();
  }
  sent_ = false;
  return status;
}

absl::Status PostgresStoreConnection::Savepoint(absl::string_view sql) {
  if (connection_->broken()) {
    return End(absl::UnavailableError("postgresql: the connection was lost"));
  }
  connection_->Queue(sql);
  return absl::OkStatus();
}

absl::Status PostgresStoreConnection::SetSavepoint() {
  MSGPROC_CHECK_EQ(put_off_, 0u);
  phase_.SetSavepoint();
  // Within the savepoint it would be undone with that.
  QueueConstraints();
  return Savepoint("SAVEPOINT msgproc");
}

absl::Status PostgresStoreConnection::RollbackToSavepoint() {
  phase_.RollbackToSavepoint();
  return Savepoint("ROLLBACK TO SAVEPOINT msgproc");
}

absl::Status PostgresStoreConnection::ReleaseSavepoint() {
  phase_.ReleaseSavepoint();
  return Savepoint("RELEASE SAVEPOINT msgproc");
}

void PostgresStoreConnection::QueueConstraints() {
  if (std::exchange(constraints_set_, true)) return;
  connection_->Queue(kConstraints);
}

absl::Status PostgresStoreConnection::Check(absl::string_view sql) {
  if (checked_.Find(sql) != nullptr) return absl::OkStatus();
  absl::Status status = CheckPostgresStatement(sql);
  if (status.ok()) checked_.Insert(sql, true, [](bool) {});
  return status;
}

absl::StatusOr<std::vector<SqlRow>> PostgresStoreConnection::Execute(
    absl::string_view sql, absl::Span<const SqlValue> parameters) {
  if (absl::Status status = phase_.CheckExecute(); !status.ok()) return status;
  if (absl::Status status = QueueExecute(sql, parameters); !status.ok()) {
    return status;
  }
  const auto results = FlushExecuted();
  if (!results.ok()) return results.status();
  return FromPostgres(results->back());
}

absl::Status PostgresStoreConnection::ExecuteLater(
    absl::string_view sql, absl::Span<const SqlValue> parameters) {
  if (phase_.savepoint()) return Execute(sql, parameters).status();
  if (absl::Status status = phase_.CheckExecute(); !status.ok()) return status;
  // The queue keeps no text.
  const auto kept = put_off_sql_.find(sql);
  absl::Status status = QueueExecute(
      kept != put_off_sql_.end() ? *kept : *put_off_sql_.emplace(sql).first,
      parameters);
  if (!status.ok()) return status;
  ++put_off_;
  if (put_off_ < kMostPutOff && put_off_bytes_ < kMostPutOffBytes) {
    return absl::OkStatus();
  }
  return FlushExecuted().status();
}

absl::Status PostgresStoreConnection::ExecutePutOff() {
  if (!put_off_status_.ok()) return std::exchange(put_off_status_, {});
  return put_off_ == 0 ? absl::OkStatus() : FlushExecuted().status();
}

absl::Status PostgresStoreConnection::QueueExecute(
    absl::string_view sql, absl::Span<const SqlValue> parameters) {
  absl::Status status = Check(sql);
  auto converted = ToPostgres(parameters);
  if (status.ok()) status = converted.status();
  if (!status.ok()) {
    phase_.ExecuteFailed();
    return status;
  }
  QueueConstraints();
  put_off_bytes_ += sql.size() + kOverheadBytes;
  for (int i = 0; i < converted->size(); ++i) {
    put_off_bytes_ +=
        static_cast<size_t>(converted->lengths()[i]) + kOverheadBytes;
  }
  connection_->Queue(
      {.sql = sql, .parameters = *std::move(converted), .binary = false});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PostgresResult>>
PostgresStoreConnection::FlushExecuted() {
  sent_ = true;
  auto results = connection_->Flush();
  put_off_ = put_off_bytes_ = 0;
  put_off_sql_.clear();
  if (results.ok()) return results;
  phase_.ExecuteFailed();
  return absl::Status(connection_->broken()
                          ? absl::StatusCode::kUnavailable
                          : ClassifySqlstateOfExecute(connection_->sqlstate()),
                      results.status().message());
}

void* PostgresStoreConnection::native() {
  // What was put off has to be done before anybody else speaks with it. Of an
  // error the next statement tells, or ExecutePutOff.
  if (put_off_ > 0) {
    put_off_status_ = FlushExecuted().status();
  } else if (connection_->queued() > 0) {
    sent_ = true;
    connection_->Flush().IgnoreError();
  }
  return connection_->handle();
}

absl::StatusOr<std::vector<bool>> PostgresStoreConnection::Write(
    absl::Span<const SessionWrite> writes) {
  MSGPROC_CHECK_EQ(put_off_, 0u);
  phase_.Write();
  sent_ = true;
  auto written = sessions_.Write(writes);
  if (!written.ok()) return End(written.status());
  return written;
}

absl::Status PostgresStoreConnection::Commit() {
  phase_.Commit();
  connection_->Queue("COMMIT");
  const auto results = connection_->Flush();
  sent_ = false;
  if (!results.ok()) {
    // The server says no; what it said before it went away does not count.
    return connection_->broken()
               ? absl::UnknownError(results.status().message())
               : results.status();
  }
  if (results->back().tag() == "COMMIT") return absl::OkStatus();
  return absl::InternalError(
      "postgresql: the transaction was rolled back, since a statement in it "
      "had failed");
}

void PostgresStoreConnection::Rollback() {
  End(absl::OkStatus()).IgnoreError();
}

template <typename Result, typename Work>
absl::StatusOr<Result> PostgresStoreConnection::InTransaction(
    const Work& work) {
  MSGPROC_CHECK(phase_.none());
  absl::Status status = BeginNow();
  if (!status.ok()) return status;
  sent_ = true;
  absl::StatusOr<Result> result = work();
  if (!result.ok()) return End(result.status());
  connection_->Queue("COMMIT");
  const auto committed = connection_->Flush();
  // All of these may be done twice: whether it was is no matter.
  if (!committed.ok()) return End(committed.status());
  sent_ = false;
  return result;
}

absl::StatusOr<PostgresSessions::Claims> PostgresStoreConnection::ClaimOnce(
    absl::Span<const Claim> claims) {
  absl::Status status = BeginNow();
  if (!status.ok()) return status;
  sent_ = true;
  status = sessions_.QueueClaims(claims);
  if (!status.ok()) return End(status);
  connection_->Queue("COMMIT");
  const auto results = connection_->Flush();
  // If that took effect nevertheless, the next claim draws the next epoch.
  if (!results.ok()) return End(results.status());
  sent_ = false;
  return sessions_.TakeClaimed(claims, absl::MakeConstSpan(*results).first(
                                           PostgresSessions::kClaimResults));
}

absl::StatusOr<std::vector<Claimed>> PostgresStoreConnection::ClaimSessions(
    absl::Span<const Claim> claims) {
  MSGPROC_CHECK(phase_.none());
  if (claims.empty()) return std::vector<Claimed>();
  auto claimed = ClaimOnce(claims);
  if (!claimed.ok()) return claimed.status();
  std::vector<Claimed> all = std::move(claimed->claimed);
  std::vector<size_t> again = std::move(claimed->again);
  for (int round = 1; !again.empty(); ++round) {
    // Each time somebody else created it, and somebody removed it.
    if (round == kClaimRounds) {
      return absl::AbortedError("postgresql: sessions come and go too fast");
    }
    std::vector<Claim> some;
    some.reserve(again.size());
    for (const size_t i : again) some.push_back(claims[i]);
    claimed = ClaimOnce(some);
    if (!claimed.ok()) return claimed.status();
    for (size_t i = 0; i < again.size(); ++i) {
      all[again[i]] = std::move(claimed->claimed[i]);
    }
    std::vector<size_t> still;
    for (const size_t i : claimed->again) still.push_back(again[i]);
    again = std::move(still);
  }
  return all;
}

absl::StatusOr<uint64_t> PostgresStoreConnection::Expire(
    absl::Duration retention, absl::Duration tombstone_retention,
    uint64_t limit) {
  return InTransaction<uint64_t>(
      [&] { return sessions_.Expire(retention, tombstone_retention, limit); });
}

absl::StatusOr<bool> PostgresStoreConnection::Forget(
    absl::string_view session_id) {
  return InTransaction<bool>([&] { return sessions_.Forget(session_id); });
}

absl::StatusOr<StoreConnection::Size> PostgresStoreConnection::MeasureSize() {
  return InTransaction<Size>([&] { return sessions_.MeasureSize(); });
}

}  // namespace msgproc::processor
