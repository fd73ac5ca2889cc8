#ifndef MSGPROC_SQLITE_STATEMENT_H_
#define MSGPROC_SQLITE_STATEMENT_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace msgproc::sqlite {

// A prepared statement whose parameters are $1, $2, … as in PostgreSQL. Belongs
// to its database's thread; gone before the database is closed.
class Statement {
 public:
  // INVALID_ARGUMENT: SQLite does not take it, or it is none, or more than one,
  // or has parameters of another form.
  static absl::StatusOr<std::unique_ptr<Statement>> Prepare(
      sqlite3* database, absl::string_view sql);

  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  // How many parameters it takes: the highest number.
  size_t parameters() const { return parameters_; }

  // The number of SQLite's first, second … parameter.
  const std::vector<int>& numbers() const { return numbers_; }

  // $`number`, of a statement whose parameters stand in their order. SQLite
  // reads text and bytes where they are, until Reset.
  void BindInteger(int number, int64_t value);
  void BindBytes(int number, absl::string_view value);
  void BindText(int number, absl::string_view value);

  // SQLITE_ROW, SQLITE_DONE or an error.
  int Step() { return sqlite3_step(statement_); }
  void Reset() { sqlite3_reset(statement_); }

  // Of the row that the last step found.
  int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  std::string bytes(int column) const;

  sqlite3_stmt* handle() const { return statement_; }

 private:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  absl::Status NumberParameters();

  sqlite3_stmt* const statement_;
  std::vector<int> numbers_;
  size_t parameters_ = 0;
};

}  // namespace msgproc::sqlite

#endif  // MSGPROC_SQLITE_STATEMENT_H_
