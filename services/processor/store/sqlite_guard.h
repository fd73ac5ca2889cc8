#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_GUARD_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_GUARD_H_

#include <sqlite3.h>

#include <string>

#include "absl/strings/string_view.h"

namespace msgproc::processor {

// Watches what handlers' statements do, as SQLite's authorizer: they neither
// end the transaction nor look beyond the database, and keep off the store's
// own tables. Belongs to one database and its thread, and outlives it.
class SqliteGuard {
 public:
  SqliteGuard() = default;
  SqliteGuard(const SqliteGuard&) = delete;
  SqliteGuard& operator=(const SqliteGuard&) = delete;

  void Watch(sqlite3* database);

  // While a handler's statement is prepared or runs: SQLite asks again where
  // the schema has changed.
  class HandlerScope {
   public:
    explicit HandlerScope(SqliteGuard* guard) : guard_(*guard) {
      guard_.handler_ = true;
      guard_.refusal_.clear();
    }
    ~HandlerScope() { guard_.handler_ = false; }
    HandlerScope(const HandlerScope&) = delete;
    HandlerScope& operator=(const HandlerScope&) = delete;

   private:
    SqliteGuard& guard_;
  };

  // Why the last statement within a scope was refused; empty: it was not.
  const std::string& refusal() const { return refusal_; }

 private:
  static int Authorize(void* guard, int action, const char* first,
                       const char* second, const char* database,
                       const char* trigger);

  bool handler_ = false;
  std::string refusal_;
};

// Why a handler may not do this; empty: it may. The arguments are those of
// SQLite's authorizer, null where it has none.
// https://www.sqlite.org/c3ref/c_alter_table.html
std::string WhyHandlersMayNot(int action, const char* first,
                              const char* second);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_GUARD_H_
