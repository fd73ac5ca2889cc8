#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_POSTGRES_CLUSTER_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_POSTGRES_CLUSTER_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace msgproc::processor {

// A PostgreSQL server of a test's own, in a temporary directory, on a Unix
// socket only. It waits for its disk as a real one does, and goes with the
// thread that started it.
class PostgresCluster {
 public:
  // NOT_FOUND: PostgreSQL is not installed.
  static absl::StatusOr<std::unique_ptr<PostgresCluster>> Make();
  // The test program's, made when it is first asked for; null: PostgreSQL is
  // not installed. Aborts where it does not start.
  static PostgresCluster* Shared();

  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;
  ~PostgresCluster();

  // Of a schema of its own, empty, for each call.
  std::string FreshUrl();
  // By way of pgbouncer, which hands out connections a transaction. All of its
  // URLs lead to the same tables; they are dropped. Empty: it is not installed.
  std::string FreshPooledUrl();
  // In the database, not in a schema. Aborts on an error.
  void Run(const std::string& sql);

  // SIGTERM, SIGINT and SIGQUIT are PostgreSQL's smart, fast and immediate
  // shutdown. Waits for its end.
  void Stop(int signal);
  // After Stop, or to begin with. Returns when it takes connections.
  absl::Status Start();

  const std::string& directory() const { return directory_; }

 private:
  PostgresCluster(std::string binaries, std::string directory);

  std::string Url(const std::string& parameters) const;
  absl::Status StartPooler();

  const std::string binaries_;
  const std::string directory_;
  int schemas_ = 0;
  pid_t server_ = 0;
  pid_t pooler_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_POSTGRES_CLUSTER_H_
