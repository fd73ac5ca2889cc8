#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_STORE_CONNECTION_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_STORE_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/lru_cache.h"
#include "services/processor/store/postgres_connection.h"
#include "services/processor/store/postgres_sessions.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/store_options.h"
#include "services/processor/store/transaction_phase.h"

namespace msgproc::processor {

// The statement that sets how long a statement waits for a row, how long the
// server waits for the next one, and that it looks whether we are still there;
// for the transaction, or for all.
PostgresConnection::Query SetTimeouts(const StoreOptions& options,
                                      bool for_the_transaction);

// A StoreConnection to PostgreSQL.
//
// BEGIN and savepoints are sent with the first statement after them, for the
// sake of round trips: what goes wrong with them is an error of that.
class PostgresStoreConnection : public StoreConnection, private Transaction {
 public:
  PostgresStoreConnection(std::unique_ptr<PostgresConnection> connection,
                          const StoreOptions& options,
                          const std::string& generation);
  ~PostgresStoreConnection() override { Rollback(); }

  absl::StatusOr<std::vector<Claimed>> ClaimSessions(
      absl::Span<const Claim> claims) override;
  absl::Status Begin() override;
  absl::Status Serialize() override;
  Transaction* transaction() override { return this; }
  absl::Status ExecutePutOff() override;
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
  absl::Status ExecuteLater(absl::string_view sql,
                            absl::Span<const SqlValue> parameters) override;
  void* native() override;

  absl::Status BeginNow();
  // Ends the transaction after an error of it.
  absl::Status End(absl::Status status);
  absl::Status Savepoint(absl::string_view sql);
  // Before what handlers execute.
  void QueueConstraints();
  absl::Status Check(absl::string_view sql);
  // Queues a handler's statement; an error, and whoever calls sees to that, is
  // the message's.
  absl::Status QueueExecute(absl::string_view sql,
                            absl::Span<const SqlValue> parameters);
  // Sends handlers' statements. An error fails the transaction.
  absl::StatusOr<std::vector<PostgresResult>> FlushExecuted();
  // Runs `work` in a transaction of its own.
  template <typename Result, typename Work>
  absl::StatusOr<Result> InTransaction(const Work& work);
  absl::StatusOr<PostgresSessions::Claims> ClaimOnce(
      absl::Span<const Claim> claims);

  const std::unique_ptr<PostgresConnection> connection_;
  const StoreOptions options_;
  PostgresSessions sessions_;
  TransactionPhase phase_;
  // Whether the server has, or may have, a transaction open.
  bool sent_ = false;
  // Whether that was sent, or queued, in this transaction.
  bool constraints_set_ = false;
  // Handlers' statements that may be executed.
  LruCache<bool> checked_;
  // Of what was put off: how many statements, what they have about, their
  // texts, and how they failed when somebody wanted the handle first.
  size_t put_off_ = 0;
  size_t put_off_bytes_ = 0;
  std::set<std::string, std::less<>> put_off_sql_;
  absl::Status put_off_status_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_STORE_CONNECTION_H_
