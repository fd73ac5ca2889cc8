#ifndef MSGPROC_BENCHMARKS_DURABLE_BASELINES_H_
#define MSGPROC_BENCHMARKS_DURABLE_BASELINES_H_

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace msgproc::benchmarks {

// What others reach on the same disk. Each takes about `time` and returns how
// many a second; the program exits with a message where something fails.

// Appends of 4 KiB to a file in `directory`, each followed by fdatasync.
double SyncsPerSecond(const std::string& directory, absl::Duration time);

// The statement of upsert.h in a transaction of its own, as a service without
// groups does it: by one connection to a new SQLite file in `directory` (WAL,
// synchronous=FULL), or by several to PostgreSQL.
double SqliteTransactionsPerSecond(const std::string& directory,
                                   absl::Duration time);
double PostgresTransactionsPerSecond(const std::string& url, int connections,
                                     absl::Duration time);

// Entries of 64 bytes added to a Redis stream with `appendfsync always`, 16
// clients with `pipeline` commands in flight each; of a server of its own,
// which keeps its file in `directory`. None: Redis is not installed.
std::optional<double> RedisEntriesPerSecond(const std::string& directory,
                                            int pipeline, int entries);

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_DURABLE_BASELINES_H_
