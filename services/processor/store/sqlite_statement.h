#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_STATEMENT_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_STATEMENT_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/processor/handlers/transaction.h"

namespace msgproc::processor {

// A prepared statement whose parameters are $1, $2, … as in PostgreSQL. Belongs
// to its database's thread; gone before the database is closed.
class SqliteStatement {
 public:
  // INVALID_ARGUMENT: SQLite does not take it, or it is none, or more than one,
  // or has parameters of another form.
  static absl::StatusOr<std::unique_ptr<SqliteStatement>> Prepare(
      sqlite3* database, absl::string_view sql);

  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;
  ~SqliteStatement() { sqlite3_finalize(statement_); }

  // How many parameters it takes: the highest number.
  size_t parameters() const { return parameters_; }

  // Of all of them. SQLite reads text and bytes where they are, until Reset.
  // SQLITE_OK or an error: one is too long for it.
  int Bind(absl::Span<const SqlValue> parameters);
  // $`number`, of a statement of the store's own.
  void BindInteger(int number, int64_t value);
  void BindBytes(int number, absl::string_view value);
  void BindText(int number, absl::string_view value);

  // SQLITE_ROW, SQLITE_DONE or an error.
  int Step() { return sqlite3_step(statement_); }
  void Reset() { sqlite3_reset(statement_); }

  // Of the row that the last step found.
  SqlRow row() const;
  int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  std::string bytes(int column) const;

 private:
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  absl::Status NumberParameters();

  sqlite3_stmt* const statement_;
  // The number of SQLite's first, second … parameter.
  std::vector<int> numbers_;
  size_t parameters_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_STATEMENT_H_
