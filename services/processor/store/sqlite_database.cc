#include "services/processor/store/sqlite_database.h"

#include <sqlite3.h>

#include <cstddef>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/processor/store/handler_statement.h"
#include "services/processor/store/sqlite_values.h"
#include "sqlite/error.h"

namespace msgproc::processor {
namespace {

constexpr size_t kHandlersStatements = 256;

}  // namespace

SqliteDatabase::SqliteDatabase(const Options& options)
    : Database(options), of_handlers_(kHandlersStatements) {}

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(
    const Options& options) {
  auto database = absl::WrapUnique(new SqliteDatabase(options));
  absl::Status status = database->Start();
  if (!status.ok()) return status;
  database->guard_.Watch(database->handle());
  return database;
}

absl::StatusOr<sqlite::Statement*> SqliteDatabase::OfHandler(
    absl::string_view sql) {
  if (auto* statement = of_handlers_.Find(sql)) return statement->get();
  absl::Status status = CheckSqliteStatement(sql);
  if (!status.ok()) return status;
  auto prepared = sqlite::Statement::Prepare(handle(), sql);
  if (!prepared.ok()) return prepared.status();
  return of_handlers_.Insert(sql, *std::move(prepared), [](const auto&) {})
      ->get();
}

absl::StatusOr<std::vector<SqlRow>> SqliteDatabase::ExecuteForHandler(
    absl::string_view sql, absl::Span<const SqlValue> parameters) {
  MSGPROC_CHECK(in_transaction());
  const SqliteGuard::HandlerScope scope(&guard_);
  const auto found = OfHandler(sql);
  if (!found.ok()) {
    if (guard_.refusal().empty()) return found.status();
    return absl::InvalidArgumentError(guard_.refusal());
  }
  sqlite::Statement& statement = **found;
  if (statement.parameters() != parameters.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the statement takes ", statement.parameters(),
                     " parameters and got ", parameters.size()));
  }
  int result = BindValues(parameters, &statement);
  std::vector<SqlRow> rows;
  if (result == SQLITE_OK) {
    while ((result = statement.Step()) == SQLITE_ROW) {
      rows.push_back(RowOf(statement));
    }
  }
  if (result == SQLITE_DONE) {
    statement.Reset();
    return rows;
  }
  const int code = sqlite3_extended_errcode(handle());
  absl::Status status =
      guard_.refusal().empty()
          ? sqlite::ErrorStatus(
                sqlite::ClassifyExecute(code, sqlite3_system_errno(handle())),
                code, sqlite3_errmsg(handle()), "execute a statement")
          : absl::InvalidArgumentError(guard_.refusal());
  statement.Reset();
  return status;
}

}  // namespace msgproc::processor
