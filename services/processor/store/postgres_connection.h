#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_CONNECTION_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_CONNECTION_H_

#include <postgresql/libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/lru_cache.h"
#include "services/processor/store/open_sockets.h"

namespace msgproc::processor {

// A statement's parameters, as libpq takes them.
class PostgresParameters {
 public:
  PostgresParameters() = default;
  PostgresParameters(PostgresParameters&&) = default;
  PostgresParameters& operator=(PostgresParameters&&) = default;

  // In PostgreSQL's binary form.
  PostgresParameters& Binary(unsigned type, std::string value);
  PostgresParameters& Int8(uint64_t value);
  PostgresParameters& Bytes(absl::string_view value);
  PostgresParameters& Text(absl::string_view value);
  PostgresParameters& Int8Array(absl::Span<const uint64_t> values);
  PostgresParameters& BytesArray(absl::Span<const absl::string_view> values);
  PostgresParameters& TextArray(absl::Span<const absl::string_view> values);
  // As the server reads text into whatever type the statement wants there.
  PostgresParameters& Untyped(std::string value);
  PostgresParameters& Null();

  int size() const { return static_cast<int>(types_.size()); }
  const std::vector<Oid>& types() const { return types_; }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void Add(unsigned type, const char* value, size_t size, bool binary);

  std::vector<Oid> types_;
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  // Where `values_` points to.
  std::deque<std::string> owned_;
};

class PostgresResult {
 public:
  explicit PostgresResult(PGresult* result) : result_(result) {}

  int rows() const { return PQntuples(result_.get()); }
  // Rows that an INSERT, UPDATE or DELETE changed.
  uint64_t changed() const;
  // The command's tag: "COMMIT", "ROLLBACK", …
  absl::string_view tag() const { return PQcmdStatus(result_.get()); }
  // Cells of a binary result. NULL is 0, empty or false.
  uint64_t integer(int row, int column) const;
  absl::string_view bytes(int row, int column) const;
  bool boolean(int row, int column) const;

  PGresult* get() const { return result_.get(); }

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

// A connection to PostgreSQL. Statements are queued and sent together, in
// libpq's pipeline mode, so that a few of them cost one round trip. Not
// thread-safe. Blocks.
class PostgresConnection {
 public:
  struct Options {
    // Any URL or conninfo of libpq's.
    std::string url;
    // Names it in errors.
    std::string description;
    absl::Duration connect_timeout = absl::Seconds(10);
    bool prepared_statements = true;
    // It is one of them while it lives; they outlive it. Null: of none.
    OpenSockets* sockets = nullptr;
  };
  struct Query {
    absl::string_view sql;  // Outlives Flush.
    PostgresParameters parameters;
    bool binary = true;  // The result.
    // Stays prepared, where the connection's options allow that.
    bool prepared = true;
  };

  // UNAVAILABLE: the server cannot be reached; PERMISSION_DENIED: it refuses
  // us; INVALID_ARGUMENT: it is not a URL of libpq's.
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Connect(
      const Options& options);

  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;
  ~PostgresConnection() { PQfinish(connection_); }

  void Queue(Query query) { queue_.push_back(std::move(query)); }
  void Queue(absl::string_view sql) {
    queue_.push_back({.sql = sql, .prepared = false});
  }
  size_t queued() const { return queue_.size(); }
  void DropQueue() { queue_.clear(); }

  // Sends what is queued, and returns its results in that order; or the first
  // error, after which nothing of what stood behind it was done. The status'
  // code is ClassifySqlstate's.
  absl::StatusOr<std::vector<PostgresResult>> Flush();

  // Of the last error: empty, the connection was lost.
  const std::string& sqlstate() const { return sqlstate_; }
  // The server ended the connection, or it was lost.
  bool broken() const { return broken_; }
  // Says that it is.
  void GiveUp() { broken_ = true; }

  PGconn* handle() { return connection_; }

 private:
  struct Command {
    // Of a Prepare: its key in `statements_`.
    std::string prepares;
    // Its result is one that Flush returns.
    bool asked = false;
  };

  PostgresConnection(PGconn* connection, const Options& options);

  bool Send(const Query& query, std::vector<Command>* commands);
  // Null: the connection was lost.
  PGresult* Receive();
  absl::Status Failed(const PGresult* result);
  absl::Status Lost();

  PGconn* const connection_;
  const Options options_;
  std::unique_ptr<OpenSockets::Entry> open_;
  std::vector<Query> queue_;
  // The names of those that are prepared, or about to be, by text and types.
  LruCache<std::string> statements_;
  uint64_t next_name_ = 0;
  std::string sqlstate_;
  bool broken_ = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_CONNECTION_H_
