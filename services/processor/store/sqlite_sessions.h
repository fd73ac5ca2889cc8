#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_SESSIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_SESSIONS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/sqlite_database.h"

namespace msgproc::processor {

// The store's tables in SQLite, as process `owner` writes them. Every function
// is called within a transaction, which an error leaves to be rolled back.
class SqliteSessions {
 public:
  SqliteSessions(SqliteDatabase* database, std::string owner,
                 std::string generation)
      : database_(*database),
        owner_(std::move(owner)),
        generation_(std::move(generation)) {}

  absl::StatusOr<Claimed> ClaimOne(const Claim& claim);
  // False: fenced, or gone.
  absl::StatusOr<bool> WriteOne(const SessionWrite& write);
  absl::StatusOr<uint64_t> Expire(absl::Duration retention,
                                  absl::Duration tombstone_retention,
                                  uint64_t limit);
  absl::StatusOr<bool> Forget(absl::string_view session_id);
  absl::StatusOr<uint64_t> Count();

 private:
  struct Found {
    int64_t key = 0;
    SessionRow row;
  };

  // A key of 0: there is no such session.
  absl::StatusOr<Found> Find(absl::string_view session_id);
  absl::Status Remove(int64_t key);
  // Leaves a tombstone of it.
  absl::Status ExpireOne(int64_t key, uint64_t through);

  SqliteDatabase& database_;
  const std::string owner_;
  const std::string generation_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_SESSIONS_H_
