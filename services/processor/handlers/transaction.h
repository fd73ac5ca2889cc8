#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_TRANSACTION_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_TRANSACTION_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace msgproc::processor {

// Bytes that are no text: BLOB in SQLite, bytea in PostgreSQL.
struct Blob {
  std::string bytes;

  friend bool operator==(const Blob& a, const Blob& b) {
    return a.bytes == b.bytes;
  }
};

// A parameter of a statement, or a cell of a row: NULL, an integer, a number,
// text (UTF-8) or bytes. PostgreSQL's booleans come as 0 and 1; what has none
// of these types (numeric, timestamptz, json, …) comes as its text.
using SqlValue =
    std::variant<std::monostate, int64_t, double, std::string, Blob>;
using SqlRow = std::vector<SqlValue>;

// The transaction that commits a message's result, as its handler sees it. What
// is executed in it is committed with the result, or not at all.
//
// Valid during the call of the handler, on its thread. The handler may be
// called again for the same message after a rollback, of which it hears
// nothing.
class Transaction {
 public:
  virtual ~Transaction() = default;

  // Executes one statement, whose parameters are $1, $2, …, and returns its
  // rows. The statement stays prepared: write it once and vary the parameters.
  // INVALID_ARGUMENT: the store refuses the statement; ALREADY_EXISTS: a unique
  // key is taken; FAILED_PRECONDITION: another constraint is violated;
  // OUT_OF_RANGE: a value does not fit. COMMIT, ROLLBACK and whatever else
  // would end the transaction or look beyond it are refused (INVALID_ARGUMENT).
  // Any other error is the store's own. After an error nothing more can be
  // executed for the message, and its effects are undone, whatever the handler
  // returns.
  virtual absl::StatusOr<std::vector<SqlRow>> Execute(
      absl::string_view sql, absl::Span<const SqlValue> parameters) = 0;
  absl::StatusOr<std::vector<SqlRow>> Execute(
      absl::string_view sql, std::initializer_list<SqlValue> parameters = {}) {
    return Execute(
        sql, absl::Span<const SqlValue>(parameters.begin(), parameters.size()));
  }

  // As Execute, of a statement whose rows nobody wants: it may be executed
  // later, in order, before the next Execute and before the message's result is
  // committed, so that many share a round trip to the store. An error of it is
  // one of the message, as Execute's is, whether it is returned here or comes
  // out later; the handler may be called again then.
  virtual absl::Status ExecuteLater(absl::string_view sql,
                                    absl::Span<const SqlValue> parameters) {
    return Execute(sql, parameters).status();
  }
  absl::Status ExecuteLater(absl::string_view sql,
                            std::initializer_list<SqlValue> parameters = {}) {
    return ExecuteLater(
        sql, absl::Span<const SqlValue>(parameters.begin(), parameters.size()));
  }

  // sqlite3* or PGconn*, for what this interface lacks. Not to be committed,
  // rolled back or kept.
  virtual void* native() = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_TRANSACTION_H_
