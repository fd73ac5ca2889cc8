#include "services/processor/store/sqlite_sessions.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "services/processor/store/check_write.h"

namespace msgproc::processor {
namespace {

// Milliseconds since 1970, the same within a statement.
#define MSGPROC_SQLITE_NOW \
  "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"

constexpr const char* kFind =
    "SELECT key, token_sha256, principal, handler, epoch, owner, instance,"
    " attempt, trimmed_through, expired, tries, deaths, tries_behind,"
    " (SELECT MAX(through) FROM msgproc_outcomes WHERE session = key)"
    " FROM msgproc_sessions WHERE session_id = $1";

constexpr const char* kCreate =
    "INSERT INTO msgproc_sessions (session_id, token_sha256, principal,"
    " handler, epoch, owner, instance, attempt, trimmed_through, last_use,"
    " expired) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, " MSGPROC_SQLITE_NOW
    ", 0)";

constexpr const char* kTake =
    "UPDATE msgproc_sessions SET epoch = $1, owner = $2, instance = $3,"
    " attempt = $4, tries = $5, deaths = $6, tries_behind = $7,"
    " last_use = " MSGPROC_SQLITE_NOW " WHERE key = $8";

constexpr const char* kCount =
    "UPDATE msgproc_sessions SET tries = $1, deaths = $2, tries_behind = $3"
    " WHERE key = $4";

constexpr const char* kOutcomes =
    "SELECT first, through, results FROM msgproc_outcomes"
    " WHERE session = $1 AND through > $2 ORDER BY through";

constexpr const char* kPosition =
    "SELECT key, trimmed_through,"
    " (SELECT MAX(through) FROM msgproc_outcomes WHERE session = key)"
    " FROM msgproc_sessions"
    " WHERE session_id = $1 AND epoch = $2 AND owner = $3";

constexpr const char* kInsert =
    "INSERT INTO msgproc_outcomes (session, first, through, results)"
    " VALUES ($1, $2, $3, $4)";

constexpr const char* kTrim =
    "UPDATE msgproc_sessions SET trimmed_through = $1,"
    " last_use = " MSGPROC_SQLITE_NOW " WHERE key = $2";

constexpr const char* kDropTrimmed =
    "DELETE FROM msgproc_outcomes WHERE session = $1 AND through <= $2";

constexpr const char* kDropTombstones =
    "DELETE FROM msgproc_sessions WHERE key IN (SELECT key FROM"
    " msgproc_sessions WHERE expired AND last_use <= " MSGPROC_SQLITE_NOW
    " - $1 LIMIT $2)";

constexpr const char* kUnused =
    "SELECT key, trimmed_through,"
    " (SELECT MAX(through) FROM msgproc_outcomes WHERE session = key)"
    " FROM msgproc_sessions"
    " WHERE NOT expired AND last_use <= " MSGPROC_SQLITE_NOW " - $1 LIMIT $2";

// Whatever it had is trimmed, so that its watermarks stay.
constexpr const char* kExpire =
    "UPDATE msgproc_sessions SET expired = 1, owner = '', epoch = epoch + 1,"
    " trimmed_through = $1, last_use = " MSGPROC_SQLITE_NOW " WHERE key = $2";

#undef MSGPROC_SQLITE_NOW

// MAX of nothing is NULL, which reads as 0.
uint64_t Watermark(const sqlite::Statement& row, int column) {
  return static_cast<uint64_t>(row.integer(column));
}

int64_t Milliseconds(absl::Duration duration) {
  // As far as the store's clock goes back.
  constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 50);
  return absl::ToInt64Milliseconds(std::min(duration, kLongest));
}

}  // namespace

absl::StatusOr<SqliteSessions::Found> SqliteSessions::Find(
    absl::string_view session_id) {
  Found found;
  absl::Status status = database_.Query(
      kFind,
      [&found](const sqlite::Statement& row) {
        found.key = row.integer(0);
        found.row = {.token_sha256 = row.bytes(1),
                     .principal = row.bytes(2),
                     .handler = row.bytes(3),
                     .epoch = static_cast<uint64_t>(row.integer(4)),
                     .owner = row.bytes(5),
                     .instance = static_cast<uint64_t>(row.integer(6)),
                     .attempt = static_cast<uint64_t>(row.integer(7)),
                     .trimmed_through = Watermark(row, 8),
                     .committed_through =
                         std::max(Watermark(row, 8), Watermark(row, 13)),
                     .tries = {.begun = Watermark(row, 10),
                               .deaths = Watermark(row, 11),
                               .behind = Watermark(row, 12)},
                     .expired = row.integer(9) != 0};
      },
      session_id);
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<Claimed> SqliteSessions::ClaimOne(const Claim& claim) {
  auto found = Find(claim.session_id);
  if (!found.ok()) return found.status();
  Claimed claimed = JudgeClaim(claim, found->key == 0 ? nullptr : &found->row,
                               owner_, generation_);
  if (!claimed.status.ok()) return claimed;
  if (claimed.created) {
    absl::Status status = database_.Run(
        kCreate, absl::string_view(claim.session_id),
        absl::string_view(claim.token_sha256),
        absl::string_view(claim.principal), sqlite::Text{claimed.handler},
        claimed.epoch, sqlite::Text{owner_}, claim.instance, claim.attempt);
    if (!status.ok()) return status;
    return claimed;
  }
  absl::Status status =
      database_.Run(kTake, claimed.epoch, sqlite::Text{owner_}, claim.instance,
                    claim.attempt, claimed.tries.begun, claimed.tries.deaths,
                    claimed.tries.behind, found->key);
  if (!status.ok()) return status;
  if (claimed.still_ours) return claimed;
  status = database_.Query(
      kOutcomes,
      [&claimed](const sqlite::Statement& row) {
        claimed.outcomes.push_back({.first = Watermark(row, 0),
                                    .through = Watermark(row, 1),
                                    .results = row.bytes(2)});
      },
      found->key, claim.received_through);
  if (!status.ok()) return status;
  return claimed;
}

absl::StatusOr<bool> SqliteSessions::WriteOne(const SessionWrite& write) {
  int64_t key = 0;
  uint64_t trimmed = 0;
  uint64_t committed = 0;
  absl::Status status = database_.Query(
      kPosition,
      [&](const sqlite::Statement& row) {
        key = row.integer(0);
        trimmed = Watermark(row, 1);
        committed = std::max(trimmed, Watermark(row, 2));
      },
      absl::string_view(write.session_id), write.epoch, sqlite::Text{owner_});
  if (!status.ok()) return status;
  if (key == 0) return false;
  status = CheckWrite(write, committed);
  if (!status.ok()) return status;
  if (write.finish) {
    status = write.tombstone ? ExpireOne(key, committed) : Remove(key);
    if (!status.ok()) return status;
    return true;
  }
  if (write.has_results()) {
    status = database_.Run(kInsert, key, write.first, write.through,
                           absl::string_view(write.results));
  }
  if (status.ok() && (write.trim_through > 0 || write.touch)) {
    trimmed = std::max(trimmed, write.trim_through);
    status = database_.Run(kTrim, trimmed, key);
    if (status.ok()) status = database_.Run(kDropTrimmed, key, trimmed);
  }
  if (status.ok() && write.tries) {
    status = database_.Run(kCount, write.tries->begun, write.tries->deaths,
                           write.tries->behind, key);
  }
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<uint64_t> SqliteSessions::Expire(
    absl::Duration retention, absl::Duration tombstone_retention,
    uint64_t limit) {
  absl::Status status =
      database_.Run(kDropTombstones, Milliseconds(tombstone_retention), limit);
  if (!status.ok()) return status;
  const auto dropped = static_cast<uint64_t>(database_.changes());
  struct Unused {
    int64_t key;
    uint64_t through;
  };
  std::vector<Unused> unused;
  status = database_.Query(
      kUnused,
      [&unused](const sqlite::Statement& row) {
        unused.push_back(
            {row.integer(0), std::max(Watermark(row, 1), Watermark(row, 2))});
      },
      Milliseconds(retention), limit - dropped);
  for (size_t i = 0; i < unused.size() && status.ok(); ++i) {
    status = ExpireOne(unused[i].key, unused[i].through);
  }
  if (!status.ok()) return status;
  return dropped + unused.size();
}

absl::Status SqliteSessions::ExpireOne(int64_t key, uint64_t through) {
  absl::Status status = database_.Run(kExpire, through, key);
  if (!status.ok()) return status;
  return database_.Run(kDropTrimmed, key, through);
}

absl::StatusOr<bool> SqliteSessions::Forget(absl::string_view session_id) {
  const auto found = Find(session_id);
  if (!found.ok()) return found.status();
  if (found->key == 0) return false;
  absl::Status status = Remove(found->key);
  if (!status.ok()) return status;
  return true;
}

absl::Status SqliteSessions::Remove(int64_t key) {
  absl::Status status =
      database_.Run("DELETE FROM msgproc_outcomes WHERE session = $1", key);
  if (!status.ok()) return status;
  return database_.Run("DELETE FROM msgproc_sessions WHERE key = $1", key);
}

absl::StatusOr<uint64_t> SqliteSessions::Count() {
  uint64_t count = 0;
  absl::Status status =
      database_.Query("SELECT COUNT(*) FROM msgproc_sessions",
                      [&count](const sqlite::Statement& row) {
                        count = static_cast<uint64_t>(row.integer(0));
                      });
  if (!status.ok()) return status;
  return count;
}

}  // namespace msgproc::processor
