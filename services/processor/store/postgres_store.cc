#include "services/processor/store/postgres_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/processor/store/open_sockets.h"
#include "services/processor/store/postgres_connection.h"
#include "services/processor/store/postgres_schema.h"
#include "services/processor/store/postgres_store_connection.h"

namespace msgproc::processor {
namespace {

class PostgresStore : public SessionStore {
 public:
  PostgresStore(std::string description, StoreOptions options)
      : description_(std::move(description)), options_(std::move(options)) {}

  const std::string& generation() const override { return generation_; }
  std::string description() const override { return description_; }
  int max_connections() const override { return options_.connections; }
  absl::StatusOr<std::unique_ptr<StoreConnection>> Connect() override;
  void Interrupt() override { sockets_.Cut(); }

  // Before anything else.
  absl::Status Open();

 private:
  absl::StatusOr<std::unique_ptr<PostgresConnection>> ConnectOnly();

  const std::string description_;
  const StoreOptions options_;
  OpenSockets sockets_;
  // Set by Open.
  std::string generation_;
};

absl::StatusOr<std::unique_ptr<PostgresConnection>>
PostgresStore::ConnectOnly() {
  auto connection = PostgresConnection::Connect(
      {.url = options_.url,
       .description = description_,
       .connect_timeout = options_.connect_timeout,
       .prepared_statements = options_.prepared_statements,
       .sockets = &sockets_});
  if (!connection.ok()) return connection.status();
  if (options_.prepared_statements) {
    (*connection)->Queue(SetTimeouts(options_, /*for_the_transaction=*/false));
  }
  absl::Status status = CheckPostgresServer(connection->get());
  if (!status.ok()) return status;
  return connection;
}

absl::Status PostgresStore::Open() {
  const auto connection = ConnectOnly();
  if (!connection.ok()) return connection.status();
  auto generation =
      PreparePostgresSchema(connection->get(), options_.renew_generation);
  if (!generation.ok()) return generation.status();
  generation_ = *std::move(generation);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StoreConnection>> PostgresStore::Connect() {
  auto connection = ConnectOnly();
  if (!connection.ok()) return connection.status();
  const auto generation =
      PreparePostgresSchema(connection->get(), /*renew_generation=*/false);
  if (!generation.ok()) return generation.status();
  if (*generation != generation_) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the store ", description_,
        " is another one than before: its generation is '", *generation,
        "' and was '", generation_, "'. Start this processor anew."));
  }
  return std::make_unique<PostgresStoreConnection>(*std::move(connection),
                                                   options_, generation_);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SessionStore>> OpenPostgresStore(
    const std::string& description, const StoreOptions& options) {
  auto store = std::make_unique<PostgresStore>(description, options);
  absl::Status status = store->Open();
  if (!status.ok()) return status;
  return store;
}

}  // namespace msgproc::processor
