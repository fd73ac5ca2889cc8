#include "services/processor/store/postgres_connection.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/utf8.h"
#include "services/processor/store/postgres_array.h"
#include "services/processor/store/postgres_error.h"

namespace msgproc::processor {
namespace {

constexpr size_t kPreparedStatements = 256;
constexpr size_t kMostMessageBytes = 400;

// libpq's messages end in a line feed, and some have several lines.
std::string OneLine(const char* message) {
  std::string text(absl::StripAsciiWhitespace(message));
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return TruncateUtf8(text, kMostMessageBytes);
}

std::string Seconds(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Seconds(duration));
}

}  // namespace

void PostgresParameters::Add(unsigned type, const char* value, size_t size,
                             bool binary) {
  types_.push_back(type);
  values_.push_back(value);
  lengths_.push_back(static_cast<int>(size));
  formats_.push_back(binary ? 1 : 0);
}

PostgresParameters& PostgresParameters::Binary(unsigned type,
                                               std::string value) {
  owned_.push_back(std::move(value));
  Add(type, owned_.back().data(), owned_.back().size(), /*binary=*/true);
  return *this;
}

PostgresParameters& PostgresParameters::Int8(uint64_t value) {
  return Binary(kPgInt8, EncodeInt8(value));
}

PostgresParameters& PostgresParameters::Bytes(absl::string_view value) {
  return Binary(kPgBytea, std::string(value));
}

PostgresParameters& PostgresParameters::Text(absl::string_view value) {
  return Binary(kPgText, std::string(value));
}

PostgresParameters& PostgresParameters::Int8Array(
    absl::Span<const uint64_t> values) {
  return Binary(kPgInt8Array, EncodeInt8Array(values));
}

PostgresParameters& PostgresParameters::BytesArray(
    absl::Span<const absl::string_view> values) {
  return Binary(kPgByteaArray, EncodeBytesArray(values, kPgBytea));
}

PostgresParameters& PostgresParameters::TextArray(
    absl::Span<const absl::string_view> values) {
  return Binary(kPgTextArray, EncodeBytesArray(values, kPgText));
}

PostgresParameters& PostgresParameters::Untyped(std::string value) {
  owned_.push_back(std::move(value));
  Add(0, owned_.back().c_str(), owned_.back().size(), /*binary=*/false);
  return *this;
}

PostgresParameters& PostgresParameters::Null() {
  Add(0, nullptr, 0, /*binary=*/false);
  return *this;
}

uint64_t PostgresResult::changed() const {
  uint64_t count = 0;
  // Empty for other commands.
  return absl::SimpleAtoi(PQcmdTuples(result_.get()), &count) ? count : 0;
}

uint64_t PostgresResult::integer(int row, int column) const {
  const absl::string_view cell = bytes(row, column);
  return cell.empty() ? 0 : static_cast<uint64_t>(DecodeInt8(cell));
}

absl::string_view PostgresResult::bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

bool PostgresResult::boolean(int row, int column) const {
  const absl::string_view cell = bytes(row, column);
  return !cell.empty() && cell[0] != 0;
}

PostgresConnection::PostgresConnection(PGconn* connection,
                                       const Options& options)
    : connection_(connection),
      options_(options),
      statements_(kPreparedStatements) {}

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Connect(
    const Options& options) {
  const std::string connect_timeout = Seconds(options.connect_timeout);
  // What stands before the URL yields to it. A peer that vanishes is noticed
  // after some 15 seconds, whether we wait for it or it for us.
  const std::vector<std::pair<const char*, const char*>> settings = {
      {"connect_timeout", connect_timeout.c_str()},
      {"keepalives_idle", "10"},
      {"keepalives_interval", "2"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "15000"},
      {"fallback_application_name", "msgproc"},
      {"dbname", options.url.c_str()},
      {"client_encoding", "UTF8"},
  };
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : settings) {
    keywords.push_back(keyword);
    values.push_back(value);
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* const handle =
      PQconnectdbParams(keywords.data(), values.data(), /*expand_dbname=*/1);
  MSGPROC_CHECK(handle != nullptr);
  auto connection = absl::WrapUnique(new PostgresConnection(handle, options));
  // It would print them to standard error.
  PQsetNoticeReceiver(
      handle, [](void*, const PGresult*) {}, nullptr);
  if (PQstatus(handle) == CONNECTION_OK) {
    if (options.sockets != nullptr) {
      connection->open_ = std::make_unique<OpenSockets::Entry>(
          options.sockets, PQsocket(handle));
    }
    return connection;
  }
  const std::string message = OneLine(PQerrorMessage(handle));
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  if (PQsocket(handle) < 0 && PQhost(handle) == nullptr) {
    code = absl::StatusCode::kInvalidArgument;
  }
  // libpq keeps no SQLSTATE of a refused connection.
  for (const char* refusal :
       {"authentication failed", "no pg_hba.conf entry", "does not exist",
        "permission denied for database", "no password supplied"}) {
    if (absl::StrContains(message, refusal)) {
      code = absl::StatusCode::kPermissionDenied;
    }
  }
  for (const char* malformed : {"invalid URI", "invalid connection option",
                                "missing key/value separator"}) {
    if (absl::StrContains(message, malformed)) {
      code = absl::StatusCode::kInvalidArgument;
    }
  }
  return absl::Status(code, absl::StrCat("cannot connect to the store ",
                                         options.description, ": ", message));
}

bool PostgresConnection::Send(const Query& query,
                              std::vector<Command>* commands) {
  const PostgresParameters& parameters = query.parameters;
  const std::string sql(query.sql);
  if (!query.prepared || !options_.prepared_statements) {
    commands->push_back({.asked = true});
    return PQsendQueryParams(connection_, sql.c_str(), parameters.size(),
                             parameters.types().data(), parameters.values(),
                             parameters.lengths(), parameters.formats(),
                             query.binary ? 1 : 0) == 1;
  }
  std::string key = sql;
  // Those of handlers' statements depend on the values.
  for (const Oid type : parameters.types()) absl::StrAppend(&key, "\1", type);
  const std::string* name = statements_.Find(key);
  if (name == nullptr) {
    std::string evicted;
    name = statements_.Insert(
        key, absl::StrCat("msgproc_", next_name_++),
        [&evicted](std::string gone) { evicted = std::move(gone); });
    if (!evicted.empty()) {
      commands->push_back({});
      if (PQsendQueryParams(connection_,
                            absl::StrCat("DEALLOCATE ", evicted).c_str(), 0,
                            nullptr, nullptr, nullptr, nullptr, 0) != 1) {
        return false;
      }
    }
    commands->push_back({.prepares = std::move(key)});
    if (PQsendPrepare(connection_, name->c_str(), sql.c_str(),
                      parameters.size(), parameters.types().data()) != 1) {
      return false;
    }
  }
  commands->push_back({.asked = true});
  return PQsendQueryPrepared(connection_, name->c_str(), parameters.size(),
                             parameters.values(), parameters.lengths(),
                             parameters.formats(), query.binary ? 1 : 0) == 1;
}

absl::StatusOr<std::vector<PostgresResult>> PostgresConnection::Flush() {
  const std::vector<Query> queries = std::exchange(queue_, {});
  std::vector<PostgresResult> results;
  if (queries.empty()) return results;
  sqlstate_.clear();
  if (broken_) return Lost();
  std::vector<Command> commands;
  bool sent = PQenterPipelineMode(connection_) == 1;
  for (size_t i = 0; i < queries.size() && sent; ++i) {
    sent = Send(queries[i], &commands);
  }
  if (!sent || PQpipelineSync(connection_) != 1) return Lost();

  absl::Status status;
  for (const Command& command : commands) {
    PGresult* const received = Receive();
    if (received == nullptr) return status.ok() ? Lost() : status;
    PostgresResult result(received);
    const ExecStatusType what = PQresultStatus(received);
    if (what == PGRES_COMMAND_OK || what == PGRES_TUPLES_OK) {
      if (command.asked) results.push_back(std::move(result));
      continue;
    }
    if (!command.prepares.empty()) statements_.Erase(command.prepares);
    if (status.ok()) status = Failed(received);
  }
  // The end of the pipeline.
  PGresult* const end = PQgetResult(connection_);
  const bool in_step = PQresultStatus(end) == PGRES_PIPELINE_SYNC;
  PQclear(end);
  if (!in_step || PQexitPipelineMode(connection_) != 1) {
    return status.ok() ? Lost() : (broken_ = true, status);
  }
  if (!status.ok()) return status;
  return results;
}

PGresult* PostgresConnection::Receive() {
  PGresult* const result = PQgetResult(connection_);
  if (result == nullptr || PQstatus(connection_) != CONNECTION_OK) {
    if (result != nullptr && PQresultStatus(result) == PGRES_FATAL_ERROR) {
      // The server's last words, before it closed the connection.
      broken_ = true;
      return result;
    }
    PQclear(result);
    return nullptr;
  }
  // NULL ends the command's results, of which there is one.
  while (PGresult* more = PQgetResult(connection_)) {
    PQclear(more);
    if (PQstatus(connection_) != CONNECTION_OK) break;
  }
  return result;
}

absl::Status PostgresConnection::Failed(const PGresult* result) {
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  sqlstate_ = sqlstate == nullptr ? "" : sqlstate;
  const char* severity =
      PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == nullptr || absl::string_view(severity) != "ERROR" ||
      PQstatus(connection_) != CONNECTION_OK) {
    broken_ = true;
  }
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return absl::Status(
      broken_ && ClassifySqlstate(sqlstate_) == absl::StatusCode::kInternal
          ? absl::StatusCode::kUnavailable
          : ClassifySqlstate(sqlstate_),
      absl::StrCat(
          "postgresql: ",
          OneLine(primary != nullptr ? primary : PQresultErrorMessage(result)),
          sqlstate_.empty() ? "" : absl::StrCat(" (", sqlstate_, ")")));
}

absl::Status PostgresConnection::Lost() {
  broken_ = true;
  const std::string message = OneLine(PQerrorMessage(connection_));
  return absl::UnavailableError(
      absl::StrCat("postgresql: the connection was lost",
                   message.empty() ? "" : absl::StrCat(": ", message)));
}

}  // namespace msgproc::processor
