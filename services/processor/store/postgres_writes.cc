#include "services/processor/store/postgres_writes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/quoted.h"
#include "services/processor/store/check_write.h"

namespace msgproc::processor {
namespace {

// The fence. While this waits for a row that another process claims, the row
// changes its epoch, and is no longer found. What a session has, `through`, is
// of before this statement: with our epoch only we have written to it.
constexpr absl::string_view kFence =
    "SELECT s.session_id, s.trimmed_through,"
    " (SELECT max(o.through) FROM msgproc_outcomes o WHERE o.session = s.key),"
    " current_setting('synchronous_commit')"
    " FROM msgproc_sessions s JOIN unnest($1, $2) AS w(id, epoch)"
    " ON s.session_id = w.id AND s.epoch = w.epoch"
    " WHERE s.owner = $3 ORDER BY s.session_id FOR NO KEY UPDATE OF s";

// Results are picked from their array one by one: in the join their bytes would
// be copied twice more.
constexpr absl::string_view kInsert =
    "INSERT INTO msgproc_outcomes (session, first, through, results)"
    " SELECT s.key, w.first, w.through, ($6::bytea[])[w.i]"
    " FROM unnest($1, $2, $4, $5) WITH ORDINALITY"
    " AS w(id, epoch, first, through, i)"
    " JOIN msgproc_sessions s ON s.session_id = w.id AND s.epoch = w.epoch"
    " WHERE s.owner = $3";

// Those sessions whose rows, put together, are what a worker has answered.
constexpr absl::string_view kCompare =
    "SELECT s.session_id FROM unnest($1, $2, $4, $5) WITH ORDINALITY"
    " AS w(id, epoch, first, through, i)"
    " JOIN msgproc_sessions s ON s.session_id = w.id AND s.epoch = w.epoch,"
    " LATERAL (SELECT min(o.first) AS first, max(o.through) AS through,"
    " string_agg(o.results, ''::bytea ORDER BY o.through) AS results"
    " FROM msgproc_outcomes o WHERE o.session = s.key"
    " AND o.first >= w.first AND o.through <= w.through) AS found"
    " WHERE s.owner = $3 AND found.first = w.first"
    " AND found.through = w.through AND found.results = ($6::bytea[])[w.i]";

constexpr absl::string_view kTrim =
    "UPDATE msgproc_sessions s SET last_use = now(),"
    " trimmed_through = greatest(s.trimmed_through, w.through)"
    " FROM unnest($1, $2, $4) AS w(id, epoch, through)"
    " WHERE s.session_id = w.id AND s.epoch = w.epoch AND s.owner = $3";

constexpr absl::string_view kDropTrimmed =
    "DELETE FROM msgproc_outcomes o USING msgproc_sessions s,"
    " unnest($1, $2) AS w(id, epoch)"
    " WHERE s.session_id = w.id AND s.epoch = w.epoch AND s.owner = $3"
    " AND o.session = s.key AND o.through <= s.trimmed_through";

constexpr absl::string_view kCount =
    "UPDATE msgproc_sessions s SET tries = w.tries, deaths = w.deaths,"
    " tries_behind = w.behind"
    " FROM unnest($1, $2, $4, $5, $6) AS w(id, epoch, tries, deaths, behind)"
    " WHERE s.session_id = w.id AND s.epoch = w.epoch AND s.owner = $3";

constexpr absl::string_view kFinishOutcomes =
    "DELETE FROM msgproc_outcomes o USING msgproc_sessions s,"
    " unnest($1, $2) AS w(id, epoch)"
    " WHERE s.session_id = w.id AND s.epoch = w.epoch AND s.owner = $3"
    " AND o.session = s.key";

constexpr absl::string_view kFinish =
    "DELETE FROM msgproc_sessions s USING unnest($1, $2) AS w(id, epoch)"
    " WHERE s.session_id = w.id AND s.epoch = w.epoch AND s.owner = $3";

// What Expire leaves.
constexpr absl::string_view kLeaveTombstones =
    "WITH gone AS (UPDATE msgproc_sessions s SET expired = true, owner = '',"
    " epoch = s.epoch + 1, last_use = now(),"
    " trimmed_through = greatest(s.trimmed_through, (SELECT max(o.through)"
    " FROM msgproc_outcomes o WHERE o.session = s.key))"
    " FROM unnest($1, $2) AS w(id, epoch) WHERE s.session_id = w.id"
    " AND s.epoch = w.epoch AND s.owner = $3 RETURNING s.key)"
    " DELETE FROM msgproc_outcomes o USING gone WHERE o.session = gone.key";

// Columns of what is written, an array each.
struct Writes {
  std::vector<absl::string_view> ids;
  std::vector<uint64_t> epochs;
  std::vector<uint64_t> first;
  std::vector<uint64_t> through;
  std::vector<absl::string_view> results;
  std::vector<uint64_t> begun;
  std::vector<uint64_t> deaths;
  std::vector<uint64_t> behind;

  void Add(const SessionWrite& write) {
    ids.emplace_back(write.session_id);
    epochs.push_back(write.epoch);
  }
  // $1 to $3 of every statement.
  PostgresParameters parameters(const std::string& owner) const {
    PostgresParameters parameters;
    parameters.BytesArray(ids).Int8Array(epochs).Text(owner);
    return parameters;
  }

  void AddResults(const SessionWrite& write) {
    Add(write);
    first.push_back(write.first);
    through.push_back(write.through);
    results.emplace_back(write.results);
  }
  void AddTries(const SessionWrite& write, const Tries& tries) {
    Add(write);
    begun.push_back(tries.begun);
    deaths.push_back(tries.deaths);
    behind.push_back(tries.behind);
  }
  // And $4 to $6.
  PostgresParameters with_results(const std::string& owner) const {
    PostgresParameters all = parameters(owner);
    all.Int8Array(first).Int8Array(through).BytesArray(results);
    return all;
  }
};

bool IsByWorker(const SessionWrite& write) { return write.by_worker; }

void QueueWrites(PostgresConnection* connection, const std::string& owner,
                 absl::Span<const SessionWrite> writes) {
  Writes all, results, by_workers, trims, counts, finished, tombstones;
  for (const SessionWrite& write : writes) {
    all.Add(write);
    if (write.finish) {
      (write.tombstone ? tombstones : finished).Add(write);
      continue;
    }
    if (write.has_results()) {
      (write.by_worker ? by_workers : results).AddResults(write);
    }
    if (write.trim_through > 0 || write.touch) {
      trims.Add(write);
      trims.through.push_back(write.trim_through);
    }
    if (write.tries) counts.AddTries(write, *write.tries);
  }
  connection->Queue({.sql = kFence, .parameters = all.parameters(owner)});
  if (!by_workers.ids.empty()) {
    connection->Queue(
        {.sql = kCompare, .parameters = by_workers.with_results(owner)});
  }
  if (!results.ids.empty()) {
    connection->Queue(
        {.sql = kInsert, .parameters = results.with_results(owner)});
  }
  if (!trims.ids.empty()) {
    PostgresParameters parameters = trims.parameters(owner);
    parameters.Int8Array(trims.through);
    connection->Queue({.sql = kTrim, .parameters = std::move(parameters)});
    connection->Queue(
        {.sql = kDropTrimmed, .parameters = trims.parameters(owner)});
  }
  if (!counts.ids.empty()) {
    PostgresParameters parameters = counts.parameters(owner);
    parameters.Int8Array(counts.begun)
        .Int8Array(counts.deaths)
        .Int8Array(counts.behind);
    connection->Queue({.sql = kCount, .parameters = std::move(parameters)});
  }
  if (!tombstones.ids.empty()) {
    connection->Queue(
        {.sql = kLeaveTombstones, .parameters = tombstones.parameters(owner)});
  }
  if (!finished.ids.empty()) {
    connection->Queue(
        {.sql = kFinishOutcomes, .parameters = finished.parameters(owner)});
    connection->Queue(
        {.sql = kFinish, .parameters = finished.parameters(owner)});
  }
}

}  // namespace

absl::StatusOr<std::vector<bool>> WriteSessions(
    PostgresConnection* connection, const std::string& owner,
    absl::Span<const SessionWrite> writes) {
  const size_t before = connection->queued();
  QueueWrites(connection, owner, writes);
  const auto results = connection->Flush();
  if (!results.ok()) return results.status();
  const PostgresResult& locked = (*results)[before];
  std::unordered_map<std::string, uint64_t> committed;
  for (int i = 0; i < locked.rows(); ++i) {
    committed[std::string(locked.bytes(i, 0))] =
        std::max(locked.integer(i, 1), locked.integer(i, 2));
    if (locked.bytes(i, 3) == "off") {
      return absl::InternalError(
          "postgresql: synchronous_commit was turned off: a commit would not "
          "be kept");
    }
  }
  std::unordered_set<std::string> the_same;
  if (std::any_of(writes.begin(), writes.end(), IsByWorker)) {
    const PostgresResult& compared = (*results)[before + 1];
    for (int i = 0; i < compared.rows(); ++i) {
      the_same.emplace(compared.bytes(i, 0));
    }
  }
  std::vector<bool> written;
  for (const SessionWrite& write : writes) {
    const auto it = committed.find(write.session_id);
    written.push_back(it != committed.end());
    if (it == committed.end()) continue;
    absl::Status status = CheckWrite(write, it->second);
    if (status.ok() && write.by_worker &&
        !the_same.contains(write.session_id)) {
      status = absl::InternalError(
          absl::StrCat("a worker has answered messages ", write.first, " to ",
                       write.through, " of session ", Quoted(write.session_id),
                       " otherwise than it has committed them"));
    }
    if (!status.ok()) return status;
  }
  return written;
}

}  // namespace msgproc::processor
