#include "sqlite/statement.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "common/quoted.h"
#include "sqlite/error.h"

namespace msgproc::sqlite {
namespace {

absl::Status PrepareError(sqlite3* database) {
  const int code = sqlite3_extended_errcode(database);
  return ErrorStatus(ClassifyExecute(code, sqlite3_system_errno(database)),
                     code, sqlite3_errmsg(database), "prepare a statement");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Statement>> Statement::Prepare(
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
  auto statement = absl::WrapUnique(new Statement(prepared));
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

absl::Status Statement::NumberParameters() {
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

void Statement::BindInteger(int number, int64_t value) {
  MSGPROC_DCHECK_EQ(numbers_[number - 1], number);
  MSGPROC_CHECK_EQ(sqlite3_bind_int64(statement_, number, value), SQLITE_OK);
}

void Statement::BindBytes(int number, absl::string_view value) {
  MSGPROC_DCHECK_EQ(numbers_[number - 1], number);
  MSGPROC_CHECK_EQ(
      sqlite3_bind_blob64(statement_, number, value.empty() ? "" : value.data(),
                          value.size(), SQLITE_STATIC),
      SQLITE_OK);
}

void Statement::BindText(int number, absl::string_view value) {
  MSGPROC_DCHECK_EQ(numbers_[number - 1], number);
  MSGPROC_CHECK_EQ(
      sqlite3_bind_text64(statement_, number, value.empty() ? "" : value.data(),
                          value.size(), SQLITE_STATIC, SQLITE_UTF8),
      SQLITE_OK);
}

std::string Statement::bytes(int column) const {
  // In this order: the first call may change what the second one tells.
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data),
                                       static_cast<size_t>(size));
}

}  // namespace msgproc::sqlite
