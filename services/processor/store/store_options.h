#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_STORE_OPTIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_STORE_OPTIONS_H_

#include <string>

#include "absl/time/time.h"

namespace msgproc::processor {

struct StoreOptions {
  // As ParseStoreUrl reads it.
  std::string url;
  // This process, in the store: random, another one each time it starts. Empty:
  // one is drawn.
  std::string owner;
  // The store was restored from a backup: it gets another generation, by which
  // clients notice that it may have forgotten what they know.
  bool renew_generation = false;

  // PostgreSQL only.

  // How many connections commit at the same time.
  int connections = 4;
  // False where statements cannot stay prepared, nor settings stay set: behind
  // a pooler that hands out connections a transaction (pgbouncer before 1.21).
  bool prepared_statements = true;
  // A process that stops in the midst of a commit holds its sessions' rows for
  // so long; then the server ends its transaction.
  absl::Duration idle_in_transaction_timeout = absl::Seconds(5);
  // How long a statement waits for a row. Longer than that, so that whoever
  // takes over a session gets it.
  absl::Duration lock_timeout = absl::Seconds(10);
  // How long a connection may take to come about, for each of the URL's hosts.
  absl::Duration connect_timeout = absl::Seconds(10);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_STORE_OPTIONS_H_
