#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_DATABASE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_DATABASE_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/lru_cache.h"
#include "services/processor/handlers/transaction.h"
#include "services/processor/store/sqlite_guard.h"
#include "sqlite/database.h"
#include "sqlite/statement.h"

namespace msgproc::processor {

// A store's file, in which handlers execute statements, too.
class SqliteDatabase : public sqlite::Database {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(
      const Options& options);
  ~SqliteDatabase() { of_handlers_.Clear(); }

  // A handler's statement, in the transaction.
  absl::StatusOr<std::vector<SqlRow>> ExecuteForHandler(
      absl::string_view sql, absl::Span<const SqlValue> parameters);

 private:
  explicit SqliteDatabase(const Options& options);

  absl::StatusOr<sqlite::Statement*> OfHandler(absl::string_view sql);

  SqliteGuard guard_;
  LruCache<std::unique_ptr<sqlite::Statement>> of_handlers_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_DATABASE_H_
