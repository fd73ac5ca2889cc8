#include "services/processor/store/sqlite_schema.h"

#include <cstdint>
#include <iterator>

#include "absl/types/span.h"
#include "services/processor/store/random_name.h"
#include "services/processor/store/schema_version.h"

namespace msgproc::processor {
namespace {

// Names and principals are any bytes. Times are milliseconds since 1970.
const char* const kVersion1[] = {
    "CREATE TABLE msgproc_meta ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " schema_version INTEGER NOT NULL,"
    " oldest_reader INTEGER NOT NULL,"
    " encoding INTEGER NOT NULL,"
    " generation TEXT NOT NULL)",
    "CREATE TABLE msgproc_sessions ("
    " key INTEGER PRIMARY KEY,"
    " session_id BLOB NOT NULL UNIQUE,"
    " token_sha256 BLOB NOT NULL,"
    " principal BLOB NOT NULL,"
    " handler TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " owner TEXT NOT NULL,"
    " instance INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " trimmed_through INTEGER NOT NULL,"
    " last_use INTEGER NOT NULL,"
    " expired INTEGER NOT NULL)",
    // `results` last: what stands behind it would be read through it.
    "CREATE TABLE msgproc_outcomes ("
    " session INTEGER NOT NULL,"
    " first INTEGER NOT NULL,"
    " through INTEGER NOT NULL,"
    " results BLOB NOT NULL)",
    ("CREATE UNIQUE INDEX msgproc_outcomes_through"
     " ON msgproc_outcomes (session, through)"),
};

// Defaults are for sessions that were there before.
const char* const kVersion3[] = {
    "ALTER TABLE msgproc_sessions ADD COLUMN tries INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE msgproc_sessions ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0",
    ("ALTER TABLE msgproc_sessions ADD COLUMN tries_behind INTEGER NOT NULL"
     " DEFAULT 0"),
};

// What each version adds to the one before it.
// Version 2 is PostgreSQL's: no other process writes to this file.
const absl::Span<const char* const> kVersions[] = {kVersion1, {}, kVersion3};
static_assert(std::size(kVersions) == kSchemaVersion);

// Version 0: nothing is there.
absl::Status Upgrade(SqliteDatabase* database, int64_t version) {
  for (int64_t next = version + 1; next <= kSchemaVersion; ++next) {
    for (const char* statement : kVersions[next - 1]) {
      absl::Status status = database->Run(statement);
      if (!status.ok()) return status;
    }
  }
  if (version > 0) {
    return database->Run(
        "UPDATE msgproc_meta SET schema_version = $1, oldest_reader = $2",
        kSchemaVersion, kOldestReader);
  }
  return database->Run("INSERT INTO msgproc_meta VALUES (1, $1, $2, $3, $4)",
                       kSchemaVersion, kOldestReader, kEncodingVersion,
                       sqlite::Text{RandomName()});
}

absl::StatusOr<std::string> Prepare(SqliteDatabase* database,
                                    bool renew_generation) {
  bool there = false;
  absl::Status status =
      database->Query("SELECT 1 FROM sqlite_schema WHERE name = 'msgproc_meta'",
                      [&there](const sqlite::Statement&) { there = true; });
  if (status.ok() && !there) status = Upgrade(database, 0);
  if (!status.ok()) return status;
  int64_t schema_version = 0;
  std::string generation;
  absl::Status version;
  status = database->Query(
      "SELECT schema_version, oldest_reader, encoding, generation"
      " FROM msgproc_meta",
      [&](const sqlite::Statement& row) {
        schema_version = row.integer(0);
        version =
            CheckSchemaVersion(schema_version, row.integer(1), row.integer(2));
        generation = row.bytes(3);
      });
  if (!status.ok()) return status;
  if (!version.ok()) return version;
  if (generation.empty()) {
    return absl::FailedPreconditionError(
        "the store's table msgproc_meta is empty: it is only half there. "
        "Restore a backup, or begin with an empty file.");
  }
  if (schema_version < kSchemaVersion) {
    status = Upgrade(database, schema_version);
    if (!status.ok()) return status;
  }
  if (renew_generation) {
    generation = RandomName();
    status = database->Run("UPDATE msgproc_meta SET generation = $1",
                           sqlite::Text{generation});
    if (!status.ok()) return status;
  }
  return generation;
}

}  // namespace

absl::StatusOr<std::string> PrepareSqliteSchema(SqliteDatabase* database,
                                                bool renew_generation) {
  absl::Status status = database->Begin();
  if (!status.ok()) return status;
  auto generation = Prepare(database, renew_generation);
  if (!generation.ok()) {
    database->Rollback();
    return generation;
  }
  status = database->Commit();
  if (!status.ok()) return status;
  return generation;
}

}  // namespace msgproc::processor
