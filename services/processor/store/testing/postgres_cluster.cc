#include "services/processor/store/testing/postgres_cluster.h"

#include <postgresql/libpq-fe.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/spawn.h"
#include "services/base/testing/eventually.h"

namespace msgproc::processor {
namespace {

// Of the newest version; empty: there is none.
std::string FindBinaries() {
  std::string found;
  int newest = 0;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
    int version = 0;
    const std::string binaries = entry.path().string() + "/bin";
    if (absl::SimpleAtoi(entry.path().filename().string(), &version) &&
        version > newest && std::filesystem::exists(binaries + "/postgres")) {
      newest = version;
      found = binaries;
    }
  }
  return found;
}

// PostgreSQL refuses root, and a sandbox may have no other user: in a user
// namespace of its own root is somebody else.
std::vector<std::string> NotAsRoot() {
  if (geteuid() != 0) return {};
  return {"/usr/bin/unshare", "--user", "--map-user=1000", "--map-group=1000",
          "--"};
}

// A user namespace forgets what its parent asked for in this.
std::vector<std::string> UntilWeEnd() {
  std::vector<std::string> arguments = NotAsRoot();
  for (const char* argument : {"/usr/bin/setpriv", "--pdeathsig", "QUIT"}) {
    arguments.emplace_back(argument);
  }
  return arguments;
}

constexpr const char* kPooler = "/usr/sbin/pgbouncer";
constexpr int kPoolersPort = 6432;

absl::StatusOr<pid_t> SpawnAll(std::vector<std::string> arguments,
                               const std::vector<std::string>& more,
                               const std::string& log) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  FILE* const file = std::fopen(log.c_str(), "ae");
  if (file == nullptr) return absl::InternalError(log);
  auto child = Spawn({.arguments = std::move(arguments),
                      .descriptors = {{.as = 1, .from = fileno(file)},
                                      {.as = 2, .from = fileno(file)}}});
  std::fclose(file);
  return child;
}

}  // namespace

PostgresCluster::PostgresCluster(std::string binaries, std::string directory)
    : binaries_(std::move(binaries)), directory_(std::move(directory)) {}

PostgresCluster::~PostgresCluster() {
  if (pooler_ != 0) {
    kill(pooler_, SIGKILL);
    waitpid(pooler_, nullptr, 0);
  }
  if (server_ != 0) Stop(SIGQUIT);
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

absl::StatusOr<std::unique_ptr<PostgresCluster>> PostgresCluster::Make() {
  std::string binaries = FindBinaries();
  if (binaries.empty()) {
    return absl::NotFoundError("there is no /usr/lib/postgresql/*/bin");
  }
  // Short, for the socket's sake.
  std::string directory = "/tmp/msgproc-postgres-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    return absl::InternalError("mkdtemp");
  }
  auto cluster = absl::WrapUnique(
      new PostgresCluster(std::move(binaries), std::move(directory)));
  const auto initdb =
      SpawnAll(NotAsRoot(),
               {cluster->binaries_ + "/initdb", "--no-sync", "--auth=trust",
                "--username=msgproc", "--no-locale", "--encoding=UTF8",
                "--pgdata=" + cluster->directory_ + "/data"},
               cluster->directory_ + "/initdb.log");
  if (!initdb.ok()) return initdb.status();
  int status = 0;
  waitpid(*initdb, &status, 0);
  if (status != 0) {
    return absl::InternalError(absl::StrCat("initdb ended with ", status));
  }
  absl::Status started = cluster->Start();
  if (!started.ok()) return started;
  return cluster;
}

PostgresCluster* PostgresCluster::Shared() {
  static const std::unique_ptr<PostgresCluster> shared = [] {
    auto made = Make();
    if (absl::IsNotFound(made.status())) {
      return std::unique_ptr<PostgresCluster>();
    }
    if (!made.ok()) {
      std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
      std::abort();
    }
    return *std::move(made);
  }();
  return shared.get();
}

absl::Status PostgresCluster::Start() {
  auto server = SpawnAll(
      UntilWeEnd(),
      {binaries_ + "/postgres", "-D", directory_ + "/data", "-k", directory_,
       "-c", "listen_addresses=", "-c", "max_connections=50", "-c",
       "shared_buffers=64MB", "-c", "max_prepared_transactions=2"},
      directory_ + "/postgres.log");
  if (!server.ok()) return server.status();
  server_ = *server;
  const std::string url = Url("");
  const bool up = base::Eventually(
      [&url] { return PQping(url.c_str()) == PQPING_OK; }, absl::Seconds(60));
  return up ? absl::OkStatus()
            : absl::InternalError(directory_ + "/postgres.log says why");
}

void PostgresCluster::Stop(int signal) {
  kill(server_, signal);
  int status = 0;
  waitpid(server_, &status, 0);
  server_ = 0;
}

std::string PostgresCluster::Url(const std::string& parameters) const {
  return absl::StrCat("postgresql:///postgres?host=",
                      absl::StrReplaceAll(directory_, {{"/", "%2F"}}),
                      "&user=msgproc", parameters);
}

std::string PostgresCluster::FreshUrl() {
  const std::string schema = absl::StrCat("test_", ++schemas_);
  Run(absl::StrCat("CREATE SCHEMA ", schema));
  return Url(absl::StrCat("&options=-csearch_path%3D", schema));
}

absl::Status PostgresCluster::StartPooler() {
  const std::string file = directory_ + "/pgbouncer.ini";
  std::ofstream(file) << "[databases]\n* = host=" << directory_
                      << " user=msgproc\n[pgbouncer]\npool_mode = transaction\n"
                      << "auth_type = any\nlisten_port = " << kPoolersPort
                      << "\nunix_socket_dir = " << directory_ << "\n";
  auto pooler = SpawnAll(UntilWeEnd(), {kPooler, "--quiet", file},
                         directory_ + "/pgbouncer.log");
  if (!pooler.ok()) return pooler.status();
  pooler_ = *pooler;
  const std::string url = Url(absl::StrCat("&port=", kPoolersPort));
  const bool up = base::Eventually(
      [&url] { return PQping(url.c_str()) == PQPING_OK; }, absl::Seconds(60));
  return up ? absl::OkStatus()
            : absl::InternalError(directory_ + "/pgbouncer.log says why");
}

std::string PostgresCluster::FreshPooledUrl() {
  if (!std::filesystem::exists(kPooler)) return "";
  if (pooler_ == 0) {
    const absl::Status status = StartPooler();
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      std::abort();
    }
  }
  Run("DROP SCHEMA public CASCADE");
  Run("CREATE SCHEMA public");
  return Url(absl::StrCat("&port=", kPoolersPort));
}

void PostgresCluster::Run(const std::string& sql) {
  PGconn* const connection = PQconnectdb(Url("").c_str());
  PGresult* const result = PQexec(connection, sql.c_str());
  const ExecStatusType what = PQresultStatus(result);
  if (what != PGRES_COMMAND_OK && what != PGRES_TUPLES_OK) {
    std::fprintf(stderr, "%s: %s\n", sql.c_str(), PQerrorMessage(connection));
    std::abort();
  }
  PQclear(result);
  PQfinish(connection);
}

}  // namespace msgproc::processor
