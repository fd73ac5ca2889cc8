#include "services/processor/store/sqlite_statement.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "common/quoted.h"
#include "services/processor/store/sqlite_error.h"

namespace msgproc::processor {
namespace {

int BindTo(sqlite3_stmt* statement, int index, const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    return sqlite3_bind_int64(statement, index, *integer);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, index, text->data(), text->size(),
                               SQLITE_STATIC, SQLITE_UTF8);
  }
  if (const auto* number = std::get_if<double>(&value)) {
    return sqlite3_bind_double(statement, index, *number);
  }
  if (const auto* blob = std::get_if<Blob>(&value)) {
    // Without an address it would be NULL.
    return sqlite3_bind_blob64(statement, index,
                               blob->bytes.empty() ? "" : blob->bytes.data(),
                               blob->bytes.size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

absl::Status PrepareError(sqlite3* database) {
  const int code = sqlite3_extended_errcode(database);
  return SqliteStatus(
      ClassifySqliteExecute(code, sqlite3_system_errno(database)), code,
      sqlite3_errmsg(database), "prepare a statement");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStatement>> SqliteStatement::Prepare(
    sqlite3* database, absl::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &prepared,
                         &rest) != SQLITE_OK) {
    return PrepareError(database);
  }
  if (prepared == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(sql), " is not a statement"));
  }
  auto statement = absl::WrapUnique(new SqliteStatement(prepared));
  sql.remove_prefix(static_cast<size_t>(rest - sql.data()));
  if (!sql.empty()) {
    sqlite3_stmt* second = nullptr;
    const int result = sqlite3_prepare_v2(
        database, rest, static_cast<int>(sql.size()), &second, nullptr);
    sqlite3_finalize(second);
    if (result != SQLITE_OK || second != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "one statement at a time: another one, ", Quoted(sql), ", follows"));
    }
  }
  absl::Status status = statement->NumberParameters();
  if (!status.ok()) return status;
  return statement;
}

absl::Status SqliteStatement::NumberParameters() {
  const int count = sqlite3_bind_parameter_count(statement_);
  for (int i = 1; i <= count; ++i) {
    const char* name = sqlite3_bind_parameter_name(statement_, i);
    absl::string_view number = name == nullptr ? "?" : name;
    int parsed = 0;
    if (!absl::ConsumePrefix(&number, "$") ||
        !absl::SimpleAtoi(number, &parsed) || parsed < 1 || parsed > 0xffff) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameters are written $1, $2, … and not ",
                       Quoted(name == nullptr ? "?" : name)));
    }
    numbers_.push_back(parsed);
    parameters_ = std::max(parameters_, static_cast<size_t>(parsed));
  }
  return absl::OkStatus();
}

int SqliteStatement::Bind(absl::Span<const SqlValue> parameters) {
  MSGPROC_CHECK_EQ(parameters.size(), parameters_);
  for (size_t i = 0; i < numbers_.size(); ++i) {
    const int result = BindTo(statement_, static_cast<int>(i + 1),
                              parameters[static_cast<size_t>(numbers_[i] - 1)]);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

void SqliteStatement::BindInteger(int number, int64_t value) {
  MSGPROC_DCHECK_EQ(numbers_[number - 1], number);
  MSGPROC_CHECK_EQ(sqlite3_bind_int64(statement_, number, value), SQLITE_OK);
}

void SqliteStatement::BindBytes(int number, absl::string_view value) {
  MSGPROC_DCHECK_EQ(numbers_[number - 1], number);
  MSGPROC_CHECK_EQ(
      sqlite3_bind_blob64(statement_, number, value.empty() ? "" : value.data(),
                          value.size(), SQLITE_STATIC),
      SQLITE_OK);
}

void SqliteStatement::BindText(int number, absl::string_view value) {
  MSGPROC_DCHECK_EQ(numbers_[number - 1], number);
  MSGPROC_CHECK_EQ(
      sqlite3_bind_text64(statement_, number, value.empty() ? "" : value.data(),
                          value.size(), SQLITE_STATIC, SQLITE_UTF8),
      SQLITE_OK);
}

SqlRow SqliteStatement::row() const {
  SqlRow row;
  const int columns = sqlite3_column_count(statement_);
  row.reserve(static_cast<size_t>(columns));
  for (int i = 0; i < columns; ++i) {
    switch (sqlite3_column_type(statement_, i)) {
      case SQLITE_INTEGER:
        row.emplace_back(int64_t{sqlite3_column_int64(statement_, i)});
        break;
      case SQLITE_FLOAT:
        row.emplace_back(sqlite3_column_double(statement_, i));
        break;
      case SQLITE_TEXT:
        row.emplace_back(bytes(i));
        break;
      case SQLITE_BLOB:
        row.emplace_back(Blob{bytes(i)});
        break;
      default:
        row.emplace_back();
    }
  }
  return row;
}

std::string SqliteStatement::bytes(int column) const {
  // In this order: the first call may change what the second one tells.
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data),
                                       static_cast<size_t>(size));
}

}  // namespace msgproc::processor
