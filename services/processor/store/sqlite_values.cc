#include "services/processor/store/sqlite_values.h"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "common/check.h"

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

}  // namespace

int BindValues(absl::Span<const SqlValue> parameters,
               sqlite::Statement* statement) {
  MSGPROC_CHECK_EQ(parameters.size(), statement->parameters());
  int index = 0;
  for (const int number : statement->numbers()) {
    const int result = BindTo(statement->handle(), ++index,
                              parameters[static_cast<size_t>(number - 1)]);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

SqlRow RowOf(const sqlite::Statement& statement) {
  sqlite3_stmt* const row_of = statement.handle();
  SqlRow row;
  const int columns = sqlite3_column_count(row_of);
  row.reserve(static_cast<size_t>(columns));
  for (int i = 0; i < columns; ++i) {
    switch (sqlite3_column_type(row_of, i)) {
      case SQLITE_INTEGER:
        row.emplace_back(statement.integer(i));
        break;
      case SQLITE_FLOAT:
        row.emplace_back(sqlite3_column_double(row_of, i));
        break;
      case SQLITE_TEXT:
        row.emplace_back(statement.bytes(i));
        break;
      case SQLITE_BLOB:
        row.emplace_back(Blob{statement.bytes(i)});
        break;
      default:
        row.emplace_back();
    }
  }
  return row;
}

}  // namespace msgproc::processor
