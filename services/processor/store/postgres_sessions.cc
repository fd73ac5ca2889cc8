#include "services/processor/store/postgres_sessions.h"

#include <algorithm>

#include "common/check.h"
#include "services/processor/store/postgres_writes.h"

namespace msgproc::processor {
namespace {

// Rows are locked in the order of their ids, so that no two processes wait for
// each other.
constexpr absl::string_view kLock =
    "SELECT key, session_id, token_sha256, principal, handler, epoch, owner,"
    " instance, attempt, trimmed_through, expired, tries, deaths,"
    " tries_behind FROM msgproc_sessions"
    " WHERE session_id = ANY($1) ORDER BY session_id FOR NO KEY UPDATE";

// A statement of its own, after the lock: it sees what was committed by whoever
// held it before.
constexpr absl::string_view kThrough =
    "SELECT s.key, (SELECT max(o.through) FROM msgproc_outcomes o"
    " WHERE o.session = s.key)"
    " FROM msgproc_sessions s WHERE s.session_id = ANY($1)";

constexpr absl::string_view kCreate =
    "INSERT INTO msgproc_sessions (session_id, token_sha256, principal,"
    " handler, epoch, owner, instance, attempt)"
    " SELECT w.id, w.token, w.principal, w.handler, w.epoch, $7, w.instance,"
    " w.attempt FROM unnest($1, $2, $3, $4, $5, $6, $8)"
    " AS w(id, token, principal, handler, epoch, instance, attempt)"
    " ORDER BY w.id ON CONFLICT (session_id) DO NOTHING RETURNING session_id";

constexpr absl::string_view kTake =
    "UPDATE msgproc_sessions s SET epoch = w.epoch, owner = $2,"
    " instance = w.instance, attempt = w.attempt, last_use = now(),"
    " tries = w.tries, deaths = w.deaths, tries_behind = w.behind"
    " FROM unnest($1, $3, $4, $5, $6, $7, $8)"
    " AS w(key, epoch, instance, attempt, tries, deaths, behind)"
    " WHERE s.key = w.key";

constexpr absl::string_view kOutcomes =
    "SELECT o.session, o.first, o.through, o.results"
    " FROM unnest($1, $2) AS w(key, received)"
    " JOIN msgproc_outcomes o ON o.session = w.key AND o.through > w.received"
    " ORDER BY o.session, o.through";

// What somebody is about to claim or to write to is not unused.
constexpr absl::string_view kDropTombstones =
    "DELETE FROM msgproc_sessions WHERE key IN (SELECT key"
    " FROM msgproc_sessions WHERE expired"
    " AND last_use <= now() - $1 * interval '1 millisecond'"
    " LIMIT $2 FOR UPDATE SKIP LOCKED)";

constexpr absl::string_view kUnused =
    "SELECT key FROM msgproc_sessions WHERE NOT expired"
    " AND last_use <= now() - $1 * interval '1 millisecond'"
    " LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED";

// Whatever it had is trimmed, so that its watermarks stay.
constexpr absl::string_view kExpire =
    "UPDATE msgproc_sessions s SET expired = true, owner = '',"
    " epoch = s.epoch + 1, last_use = now(),"
    " trimmed_through = greatest(s.trimmed_through, (SELECT max(o.through)"
    " FROM msgproc_outcomes o WHERE o.session = s.key))"
    " WHERE s.key = ANY($1)";

constexpr absl::string_view kDropOutcomes =
    "DELETE FROM msgproc_outcomes WHERE session = ANY($1)";

int64_t Milliseconds(absl::Duration duration) {
  // As far as the store's clock goes back.
  constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 50);
  return absl::ToInt64Milliseconds(std::min(duration, kLongest));
}

PostgresParameters Ids(absl::Span<const absl::string_view> ids) {
  PostgresParameters parameters;
  parameters.BytesArray(ids);
  return parameters;
}

}  // namespace

absl::StatusOr<std::unordered_map<std::string, PostgresSessions::Found>>
PostgresSessions::Lock(absl::Span<const absl::string_view> ids) {
  connection_.Queue({.sql = kLock, .parameters = Ids(ids)});
  connection_.Queue({.sql = kThrough, .parameters = Ids(ids)});
  const auto results = connection_.Flush();
  if (!results.ok()) return results.status();
  const PostgresResult& rows = (*results)[results->size() - 2];
  const PostgresResult& through = results->back();
  std::unordered_map<uint64_t, uint64_t> committed;
  for (int i = 0; i < through.rows(); ++i) {
    committed[through.integer(i, 0)] = through.integer(i, 1);
  }
  std::unordered_map<std::string, Found> found;
  for (int i = 0; i < rows.rows(); ++i) {
    Found& session = found[std::string(rows.bytes(i, 1))];
    session.key = rows.integer(i, 0);
    const uint64_t trimmed = rows.integer(i, 9);
    session.row = {
        .token_sha256 = std::string(rows.bytes(i, 2)),
        .principal = std::string(rows.bytes(i, 3)),
        .handler = std::string(rows.bytes(i, 4)),
        .epoch = rows.integer(i, 5),
        .owner = std::string(rows.bytes(i, 6)),
        .instance = rows.integer(i, 7),
        .attempt = rows.integer(i, 8),
        .trimmed_through = trimmed,
        .committed_through = std::max(trimmed, committed[session.key]),
        .tries = {.begun = rows.integer(i, 11),
                  .deaths = rows.integer(i, 12),
                  .behind = rows.integer(i, 13)},
        .expired = rows.boolean(i, 10)};
  }
  return found;
}

absl::Status PostgresSessions::QueueClaims(absl::Span<const Claim> claims) {
  std::vector<absl::string_view> ids;
  ids.reserve(claims.size());
  for (const Claim& claim : claims) ids.emplace_back(claim.session_id);
  const auto found = Lock(ids);
  if (!found.ok()) return found.status();

  claimed_.clear();
  claim_of_key_.clear();
  std::vector<absl::string_view> new_ids, tokens, principals, handlers;
  std::vector<uint64_t> new_epochs, new_instances, new_attempts;
  std::vector<uint64_t> keys, epochs, instances, attempts;
  std::vector<uint64_t> tries, deaths, behind;
  std::vector<uint64_t> read_keys, received;
  // The handlers' names are in it.
  claimed_.reserve(claims.size());
  for (size_t i = 0; i < claims.size(); ++i) {
    const Claim& claim = claims[i];
    const auto it = found->find(claim.session_id);
    const bool known = it != found->end();
    claimed_.push_back(JudgeClaim(claim, known ? &it->second.row : nullptr,
                                  owner_, generation_));
    const Claimed& claimed = claimed_.back();
    if (!claimed.status.ok()) continue;
    if (claimed.created) {
      new_ids.emplace_back(claim.session_id);
      tokens.emplace_back(claim.token_sha256);
      principals.emplace_back(claim.principal);
      handlers.emplace_back(claimed.handler);
      new_epochs.push_back(claimed.epoch);
      new_instances.push_back(claim.instance);
      new_attempts.push_back(claim.attempt);
      continue;
    }
    keys.push_back(it->second.key);
    epochs.push_back(claimed.epoch);
    instances.push_back(claim.instance);
    attempts.push_back(claim.attempt);
    tries.push_back(claimed.tries.begun);
    deaths.push_back(claimed.tries.deaths);
    behind.push_back(claimed.tries.behind);
    if (claimed.still_ours) continue;
    claim_of_key_[it->second.key] = i;
    read_keys.push_back(it->second.key);
    received.push_back(claim.received_through);
  }
  PostgresParameters create = Ids(new_ids);
  create.BytesArray(tokens)
      .BytesArray(principals)
      .TextArray(handlers)
      .Int8Array(new_epochs)
      .Int8Array(new_instances)
      .Text(owner_)
      .Int8Array(new_attempts);
  connection_.Queue({.sql = kCreate, .parameters = std::move(create)});
  PostgresParameters take;
  take.Int8Array(keys)
      .Text(owner_)
      .Int8Array(epochs)
      .Int8Array(instances)
      .Int8Array(attempts)
      .Int8Array(tries)
      .Int8Array(deaths)
      .Int8Array(behind);
  connection_.Queue({.sql = kTake, .parameters = std::move(take)});
  PostgresParameters outcomes;
  outcomes.Int8Array(read_keys).Int8Array(received);
  connection_.Queue({.sql = kOutcomes, .parameters = std::move(outcomes)});
  return absl::OkStatus();
}

PostgresSessions::Claims PostgresSessions::TakeClaimed(
    absl::Span<const Claim> claims, absl::Span<const PostgresResult> results) {
  MSGPROC_CHECK_EQ(results.size(), kClaimResults);
  MSGPROC_CHECK_EQ(claims.size(), claimed_.size());
  std::unordered_map<std::string, bool> created;
  for (int i = 0; i < results[0].rows(); ++i) {
    created[std::string(results[0].bytes(i, 0))] = true;
  }
  const PostgresResult& outcomes = results[2];
  for (int i = 0; i < outcomes.rows(); ++i) {
    claimed_[claim_of_key_.at(outcomes.integer(i, 0))].outcomes.push_back(
        {.first = outcomes.integer(i, 1),
         .through = outcomes.integer(i, 2),
         .results = std::string(outcomes.bytes(i, 3))});
  }
  Claims all;
  for (size_t i = 0; i < claims.size(); ++i) {
    if (claimed_[i].created && !created.contains(claims[i].session_id)) {
      all.again.push_back(i);
    }
  }
  all.claimed = std::exchange(claimed_, {});
  return all;
}

absl::StatusOr<std::vector<bool>> PostgresSessions::Write(
    absl::Span<const SessionWrite> writes) {
  return WriteSessions(&connection_, owner_, writes);
}

absl::StatusOr<uint64_t> PostgresSessions::Expire(
    absl::Duration retention, absl::Duration tombstone_retention,
    uint64_t limit) {
  PostgresParameters tombstones;
  tombstones.Int8(static_cast<uint64_t>(Milliseconds(tombstone_retention)))
      .Int8(limit);
  connection_.Queue(
      {.sql = kDropTombstones, .parameters = std::move(tombstones)});
  auto results = connection_.Flush();
  if (!results.ok()) return results.status();
  const uint64_t dropped = results->back().changed();

  PostgresParameters unused;
  unused.Int8(static_cast<uint64_t>(Milliseconds(retention)))
      .Int8(limit - dropped);
  connection_.Queue({.sql = kUnused, .parameters = std::move(unused)});
  results = connection_.Flush();
  if (!results.ok()) return results.status();
  const PostgresResult& rows = results->back();
  std::vector<uint64_t> keys;
  for (int i = 0; i < rows.rows(); ++i) keys.push_back(rows.integer(i, 0));
  if (keys.empty()) return dropped;
  for (const absl::string_view sql : {kExpire, kDropOutcomes}) {
    PostgresParameters parameters;
    parameters.Int8Array(keys);
    connection_.Queue({.sql = sql, .parameters = std::move(parameters)});
  }
  results = connection_.Flush();
  if (!results.ok()) return results.status();
  return dropped + keys.size();
}

absl::StatusOr<bool> PostgresSessions::Forget(absl::string_view session_id) {
  for (const absl::string_view sql :
       {absl::string_view("SELECT key FROM msgproc_sessions"
                          " WHERE session_id = $1 FOR UPDATE"),
        absl::string_view("DELETE FROM msgproc_outcomes WHERE session ="
                          " (SELECT key FROM msgproc_sessions"
                          " WHERE session_id = $1)"),
        absl::string_view("DELETE FROM msgproc_sessions"
                          " WHERE session_id = $1")}) {
    PostgresParameters parameters;
    parameters.Bytes(session_id);
    connection_.Queue({.sql = sql, .parameters = std::move(parameters)});
  }
  const auto results = connection_.Flush();
  if (!results.ok()) return results.status();
  return results->back().changed() > 0;
}

absl::StatusOr<StoreConnection::Size> PostgresSessions::MeasureSize() {
  connection_.Queue(
      {.sql = "SELECT count(*), pg_total_relation_size('msgproc_sessions')"
              " + pg_total_relation_size('msgproc_outcomes')"
              " FROM msgproc_sessions"});
  const auto results = connection_.Flush();
  if (!results.ok()) return results.status();
  const PostgresResult& row = results->back();
  return StoreConnection::Size{.bytes = row.integer(0, 1),
                               .sessions = row.integer(0, 0)};
}

}  // namespace msgproc::processor
