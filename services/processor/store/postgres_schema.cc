#include "services/processor/store/postgres_schema.h"

#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/processor/store/random_name.h"
#include "services/processor/store/schema_version.h"

namespace msgproc::processor {
namespace {

// Names and principals are any bytes, which text is not, and are compared
// without a collation. There is no foreign key: each insert would lock the
// session's row once more, which it holds anyway.
const char* const kVersion1[] = {
    "CREATE TABLE msgproc_meta ("
    " one boolean PRIMARY KEY DEFAULT true CHECK (one),"
    " schema_version bigint NOT NULL,"
    " oldest_reader bigint NOT NULL,"
    " encoding bigint NOT NULL,"
    " generation text NOT NULL)",
    // Room for a row's next version beside it, and no index on what changes:
    // then an update touches no index.
    "CREATE TABLE msgproc_sessions ("
    " key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " session_id bytea NOT NULL UNIQUE,"
    " token_sha256 bytea NOT NULL,"
    " principal bytea NOT NULL,"
    " handler text NOT NULL,"
    " epoch bigint NOT NULL,"
    " owner text NOT NULL,"
    " instance bigint NOT NULL,"
    " attempt bigint NOT NULL,"
    " trimmed_through bigint NOT NULL DEFAULT 0,"
    " last_use timestamptz NOT NULL DEFAULT now(),"
    " expired boolean NOT NULL DEFAULT false)"
    " WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)",
    // Rows live for a few commits: vacuumed by their number and not by the
    // table's size, which is next to nothing then.
    "CREATE TABLE msgproc_outcomes ("
    " session bigint NOT NULL,"
    " first bigint NOT NULL,"
    " through bigint NOT NULL,"
    " results bytea NOT NULL,"
    " PRIMARY KEY (session, through))"
    " WITH (autovacuum_vacuum_scale_factor = 0,"
    " autovacuum_vacuum_threshold = 5000,"
    " toast.autovacuum_vacuum_scale_factor = 0,"
    " toast.autovacuum_vacuum_threshold = 50000)",
    // Not compressed: that costs more than it saves for so short a life.
    "ALTER TABLE msgproc_outcomes ALTER COLUMN results SET STORAGE EXTERNAL",
};

// What a worker with a transaction of its own executes last in it. The fence is
// the processor's: a session that has another epoch by now is not found. There
// is an epoch to each attempt, since the processor draws the next one before
// it gives a dead worker's messages to another. The entries are walked over, so
// that the store never has less than `first` and `through` say.
const char* const kVersion2[] = {
    // Where somebody has dropped the tables it may still be there.
    "CREATE OR REPLACE FUNCTION msgproc_commit(session text, epoch bigint,"
    " first bigint, results bytea) RETURNS void LANGUAGE plpgsql"
    " SET search_path FROM CURRENT AS $function$ "
    "DECLARE"
    " row_key bigint;"
    " committed bigint;"
    " through bigint := $3 - 1;"
    " place bigint := 0;"
    " digit integer;"
    " factor bigint;"
    " size bigint; "
    "BEGIN"
    " IF current_setting('transaction_isolation') <> 'read committed' THEN"
    "  RAISE EXCEPTION 'msgproc_commit works in READ COMMITTED, and this"
    " transaction is %', upper(current_setting('transaction_isolation'));"
    " END IF;"
    " IF current_setting('synchronous_commit') = 'off' THEN"
    "  RAISE EXCEPTION 'synchronous_commit is off: a commit would not be kept';"
    " END IF;"
    // A worker that stops here must not hold up the session for ever.
    " IF current_setting('idle_in_transaction_session_timeout') = '0' THEN"
    "  PERFORM set_config('idle_in_transaction_session_timeout', '5s', true);"
    " END IF;"
    " SELECT s.key, s.trimmed_through INTO row_key, committed"
    "  FROM msgproc_sessions s"
    "  WHERE s.session_id = convert_to($1, 'UTF8') AND s.epoch = $2"
    "  AND NOT s.expired FOR NO KEY UPDATE;"
    " IF NOT FOUND THEN"
    "  RAISE EXCEPTION 'session % has another epoch than %, or is gone', $1, $2"
    "  USING HINT = 'Its messages were given to another worker. Roll back, and"
    " exit.';"
    " END IF;"
    " SELECT greatest(committed, max(o.through)) INTO committed"
    "  FROM msgproc_outcomes o WHERE o.session = row_key;"
    " IF $3 IS DISTINCT FROM committed + 1 THEN"
    "  RAISE EXCEPTION 'results of session % begin at %, and the store has them"
    " up to %', $1, $3, committed;"
    " END IF;"
    // Field 2, length-delimited; then the length, seven bits a byte.
    " WHILE place < octet_length($4) LOOP"
    "  IF get_byte($4, place::integer) <> 18 THEN"
    "   RAISE EXCEPTION 'results are not those of a ResultBatch, encoded';"
    "  END IF;"
    "  size := 0; factor := 1;"
    "  LOOP"
    "   place := place + 1;"
    "   digit := get_byte($4, place::integer);"
    "   size := size + (digit & 127) * factor;"
    "   EXIT WHEN digit < 128;"
    "   factor := factor * 128;"
    "  END LOOP;"
    "  place := place + 1 + size;"
    "  through := through + 1;"
    " END LOOP;"
    " IF through < $3 OR place IS DISTINCT FROM octet_length($4) THEN"
    "  RAISE EXCEPTION 'results are not those of a ResultBatch, encoded';"
    " END IF;"
    " INSERT INTO msgproc_outcomes (session, first, through, results)"
    "  VALUES (row_key, $3, through, $4); "
    "END $function$",
};

// The defaults are for sessions that were there before, and for those that
// processors of the version before begin.
const char* const kVersion3[] = {
    "ALTER TABLE msgproc_sessions"
    " ADD COLUMN IF NOT EXISTS tries bigint NOT NULL DEFAULT 1,"
    " ADD COLUMN IF NOT EXISTS deaths bigint NOT NULL DEFAULT 0,"
    " ADD COLUMN IF NOT EXISTS tries_behind bigint NOT NULL DEFAULT 0",
};

// What each version adds to the one before it.
const absl::Span<const char* const> kVersions[] = {kVersion1, kVersion2,
                                                   kVersion3};
static_assert(std::size(kVersions) == kSchemaVersion);

// Version 0: there are no tables yet.
struct Meta {
  int64_t schema_version = 0;
  std::string generation;
};

using Results = absl::StatusOr<std::vector<PostgresResult>>;

Results Run(PostgresConnection* connection, absl::string_view sql,
            PostgresParameters parameters = {}) {
  connection->Queue(
      {.sql = sql, .parameters = std::move(parameters), .prepared = false});
  return connection->Flush();
}

absl::StatusOr<Meta> ReadMeta(PostgresConnection* connection) {
  // By way of pg_class, which is locked for it: only a lock of a table makes
  // the server look at what others have created since the transaction began.
  const auto there = Run(connection,
                         "SELECT count(*) > 0 FROM pg_class"
                         " WHERE oid = to_regclass('msgproc_meta')");
  if (!there.ok()) return there.status();
  if (!there->back().boolean(0, 0)) return Meta();
  const auto rows = Run(connection,
                        "SELECT schema_version, oldest_reader, encoding,"
                        " generation FROM msgproc_meta");
  if (!rows.ok()) return rows.status();
  const PostgresResult& row = rows->back();
  if (row.rows() != 1) {
    return absl::FailedPreconditionError(
        "the store's table msgproc_meta has no row: it is only half there. "
        "Restore a backup, or drop the tables msgproc_*.");
  }
  const auto version = static_cast<int64_t>(row.integer(0, 0));
  absl::Status status =
      CheckSchemaVersion(version, static_cast<int64_t>(row.integer(0, 1)),
                         static_cast<int64_t>(row.integer(0, 2)));
  if (!status.ok()) return status;
  return Meta{version, std::string(row.bytes(0, 3))};
}

absl::Status Upgrade(PostgresConnection* connection, int64_t version,
                     const std::string& generation) {
  for (int64_t next = version + 1; next <= kSchemaVersion; ++next) {
    for (const char* statement : kVersions[next - 1]) {
      connection->Queue(statement);
    }
  }
  PostgresParameters parameters;
  parameters.Int8(kSchemaVersion).Int8(kOldestReader);
  if (version > 0) {
    return Run(connection,
               "UPDATE msgproc_meta SET schema_version = $1,"
               " oldest_reader = $2",
               std::move(parameters))
        .status();
  }
  parameters.Int8(kEncodingVersion).Text(generation);
  return Run(connection,
             "INSERT INTO msgproc_meta (schema_version, oldest_reader,"
             " encoding, generation) VALUES ($1, $2, $3, $4)",
             std::move(parameters))
      .status();
}

absl::StatusOr<std::string> PrepareInside(PostgresConnection* connection,
                                          bool renew_generation) {
  // One process at a time, until it commits; the number is "msgproc" in ASCII.
  connection->Queue("SELECT pg_advisory_xact_lock(30807660566835043)");
  auto meta = ReadMeta(connection);
  if (!meta.ok()) return meta.status();
  std::string generation = meta->generation;
  if (meta->schema_version < kSchemaVersion) {
    if (generation.empty()) generation = RandomName();
    absl::Status status = Upgrade(connection, meta->schema_version, generation);
    if (!status.ok()) return status;
  }
  if (!renew_generation) return generation;
  generation = RandomName();
  PostgresParameters parameters;
  parameters.Text(generation);
  const auto renewed =
      Run(connection, "UPDATE msgproc_meta SET generation = $1",
          std::move(parameters));
  if (!renewed.ok()) return renewed.status();
  return generation;
}

}  // namespace

absl::StatusOr<std::string> PreparePostgresSchema(
    PostgresConnection* connection, bool renew_generation) {
  const auto meta = ReadMeta(connection);
  if (!meta.ok()) return meta.status();
  // A later version that this binary may read stays as it is.
  if (meta->schema_version >= kSchemaVersion && !renew_generation) {
    return meta->generation;
  }
  connection->Queue("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
  auto generation = PrepareInside(connection, renew_generation);
  connection->Queue(generation.ok() ? "COMMIT" : "ROLLBACK");
  const auto ended = connection->Flush();
  if (!generation.ok()) return generation;
  if (!ended.ok()) return ended.status();
  return generation;
}

absl::Status CheckPostgresServer(PostgresConnection* connection) {
  const auto rows =
      Run(connection,
          "SELECT pg_is_in_recovery(), current_setting('synchronous_commit')");
  if (!rows.ok()) return rows.status();
  if (rows->back().boolean(0, 0)) {
    return absl::UnavailableError(
        "postgresql: the server is a standby. Add "
        "\"target_session_attrs=read-write\" to the URL, with all servers in "
        "it, so that the primary is found.");
  }
  if (rows->back().bytes(0, 1) == "off") {
    return absl::FailedPreconditionError(
        "postgresql: synchronous_commit is off: a server that crashes forgets "
        "what it has acknowledged. Set it to on, for this user or database: "
        "ALTER ROLE … SET synchronous_commit = on.");
  }
  return absl::OkStatus();
}

}  // namespace msgproc::processor
