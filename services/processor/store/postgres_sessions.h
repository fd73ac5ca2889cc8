#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_SESSIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_SESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/postgres_connection.h"
#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// The store's tables in PostgreSQL, as process `owner` writes them. What each
// function does belongs to the transaction that the caller has begun, or
// queued; after an error it is the caller's to roll back.
class PostgresSessions {
 public:
  PostgresSessions(PostgresConnection* connection, std::string owner,
                   std::string generation)
      : connection_(*connection),
        owner_(std::move(owner)),
        generation_(std::move(generation)) {}

  // Judges the claims, and queues what they change for the caller to commit;
  // TakeClaimed reads what came of it.
  absl::Status QueueClaims(absl::Span<const Claim> claims);
  struct Claims {
    // In order.
    std::vector<Claimed> claimed;
    // The indexes of those that another process was quicker to create, and that
    // are to be claimed again.
    std::vector<size_t> again;
  };
  // `results`: of what QueueClaims has queued.
  Claims TakeClaimed(absl::Span<const Claim> claims,
                     absl::Span<const PostgresResult> results);
  // How many those are.
  static constexpr size_t kClaimResults = 3;

  absl::StatusOr<std::vector<bool>> Write(
      absl::Span<const SessionWrite> writes);

  absl::StatusOr<uint64_t> Expire(absl::Duration retention,
                                  absl::Duration tombstone_retention,
                                  uint64_t limit);
  absl::StatusOr<bool> Forget(absl::string_view session_id);
  absl::StatusOr<StoreConnection::Size> MeasureSize();

 private:
  struct Found {
    uint64_t key = 0;
    SessionRow row;
  };

  absl::StatusOr<std::unordered_map<std::string, Found>> Lock(
      absl::Span<const absl::string_view> ids);

  PostgresConnection& connection_;
  const std::string owner_;
  const std::string generation_;
  // Between QueueClaims and TakeClaimed.
  std::vector<Claimed> claimed_;
  std::unordered_map<uint64_t, size_t> claim_of_key_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_SESSIONS_H_
