#include "services/processor/store/sqlite_guard.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/quoted.h"

namespace msgproc::processor {
namespace {

bool IsOurs(const char* name) {
  return name != nullptr && absl::StartsWithIgnoreCase(name, "msgproc_");
}

std::string NotOurTables(const char* name) {
  return absl::StrCat("tables of the store, such as ", Quoted(name),
                      ", are not for handlers");
}

}  // namespace

std::string WhyHandlersMayNot(int action, const char* first,
                              const char* second) {
  switch (action) {
    case SQLITE_TRANSACTION:
      return absl::StrCat(first,
                          " is not for handlers: the transaction ends "
                          "with the result");
    case SQLITE_SAVEPOINT:
      return "SAVEPOINT is not for handlers: the store sets its own";
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return "ATTACH and DETACH are not for handlers: another database is not "
             "committed with this one";
    case SQLITE_PRAGMA:
      return "PRAGMA is not for handlers";
    case SQLITE_FUNCTION:
      return absl::EqualsIgnoreCase(second, "load_extension")
                 ? "load_extension is not for handlers"
                 : "";
    // `second` is a column.
    case SQLITE_READ:
    case SQLITE_UPDATE:
    case SQLITE_INSERT:
    case SQLITE_DELETE:
      return IsOurs(first) ? NotOurTables(first) : "";
    // Creations, deletions and changes of a schema, where either may be a
    // table.
    default:
      return IsOurs(first)    ? NotOurTables(first)
             : IsOurs(second) ? NotOurTables(second)
                              : "";
  }
}

void SqliteGuard::Watch(sqlite3* database) {
  MSGPROC_CHECK_EQ(sqlite3_set_authorizer(database, &Authorize, this),
                   SQLITE_OK);
}

int SqliteGuard::Authorize(void* guard, int action, const char* first,
                           const char* second, const char* database,
                           const char* trigger) {
  auto& self = *static_cast<SqliteGuard*>(guard);
  if (!self.handler_) return SQLITE_OK;
  std::string why = WhyHandlersMayNot(action, first, second);
  if (why.empty()) return SQLITE_OK;
  self.refusal_ = std::move(why);
  return SQLITE_DENY;
}

}  // namespace msgproc::processor
