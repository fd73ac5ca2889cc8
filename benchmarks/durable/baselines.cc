#include "benchmarks/durable/baselines.h"

#include <fcntl.h>
#include <postgresql/libpq-fe.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/durable/upsert.h"
#include "common/clock.h"

namespace msgproc::benchmarks {
namespace {

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

// Calls `work` again and again.
template <typename Work>
double PerSecond(absl::Duration time, const Work& work) {
  const absl::Time begin = Clock::Monotonic()->Now();
  absl::Duration passed;
  uint64_t count = 0;
  do {
    work();
    ++count;
    passed = Clock::Monotonic()->Now() - begin;
  } while (passed < time);
  return static_cast<double>(count) / absl::ToDoubleSeconds(passed);
}

void Run(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    Die(absl::StrCat("sqlite: ", sqlite3_errmsg(database)));
  }
}

void Expect(PGconn* connection, PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    Die(absl::StrCat("postgresql: ", PQerrorMessage(connection)));
  }
  PQclear(result);
}

double PostgresTransactions(const std::string& url, uint64_t session,
                            absl::Duration time) {
  PGconn* const connection = PQconnectdb(url.c_str());
  Expect(connection, PQprepare(connection, "upsert",
                               std::string(kUpsert).c_str(), 1, nullptr));
  uint64_t number = 0;
  const double rate = PerSecond(time, [&] {
    const std::string key = absl::StrCat(UpsertKey(session, ++number));
    const char* const values[] = {key.c_str()};
    Expect(connection, PQexecPrepared(connection, "upsert", 1, values, nullptr,
                                      nullptr, 0));
  });
  PQfinish(connection);
  return rate;
}

}  // namespace

double SyncsPerSecond(const std::string& directory, absl::Duration time) {
  const std::string path = directory + "/syncs";
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) Die("cannot write " + path);
  const std::string block(4096, 'x');
  const double rate = PerSecond(time, [&] {
    if (write(file, block.data(), block.size()) < 0 || fdatasync(file) != 0) {
      Die("cannot write " + path);
    }
  });
  close(file);
  unlink(path.c_str());
  return rate;
}

double SqliteTransactionsPerSecond(const std::string& directory,
                                   absl::Duration time) {
  sqlite3* database = nullptr;
  const std::string path = directory + "/transactions.db";
  if (sqlite3_open(path.c_str(), &database) != SQLITE_OK) {
    Die("cannot open " + path);
  }
  Run(database, "PRAGMA journal_mode = WAL");
  Run(database, "PRAGMA synchronous = FULL");
  Run(database, std::string(kMakeTable).c_str());
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, std::string(kUpsert).c_str(), -1, &statement,
                         nullptr) != SQLITE_OK) {
    Die(absl::StrCat("sqlite: ", sqlite3_errmsg(database)));
  }
  uint64_t number = 0;
  const double rate = PerSecond(time, [&] {
    sqlite3_bind_int64(statement, 1, UpsertKey(0, ++number));
    if (sqlite3_step(statement) != SQLITE_DONE) {
      Die(absl::StrCat("sqlite: ", sqlite3_errmsg(database)));
    }
    sqlite3_reset(statement);
  });
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return rate;
}

double PostgresTransactionsPerSecond(const std::string& url, int connections,
                                     absl::Duration time) {
  PGconn* const connection = PQconnectdb(url.c_str());
  Expect(connection, PQexec(connection, std::string(kMakeTable).c_str()));
  PQfinish(connection);
  std::vector<double> rates(static_cast<size_t>(connections));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < rates.size(); ++i) {
    threads.emplace_back([&rates, &url, time, i] {
      rates[i] = PostgresTransactions(url, i, time);
    });
  }
  double sum = 0;
  for (size_t i = 0; i < rates.size(); ++i) {
    threads[i].join();
    sum += rates[i];
  }
  return sum;
}

std::optional<double> RedisEntriesPerSecond(const std::string& directory,
                                            int pipeline, int entries) {
  if (std::system("command -v redis-server redis-benchmark >/dev/null") != 0) {
    return std::nullopt;
  }
  // Ends with the benchmark, which its last command asks for.
  const std::string script = absl::StrCat(
      "cd '", directory, "' && rm -rf redis && mkdir redis && cd redis && ",
      "redis-server --port 0 --unixsocket s --dir . --save '' --appendonly yes"
      " --appendfsync always --daemonize yes >/dev/null && ",
      "until redis-cli -s s ping >/dev/null 2>&1; do sleep 0.05; done; ",
      "redis-benchmark -s s -c 16 -P ", pipeline, " -n ", entries,
      " --csv XADD stream '*' m ", std::string(64, 'x'), " | tail -n 1; ",
      "redis-cli -s s shutdown nosave");
  FILE* const out = popen(script.c_str(), "r");
  if (out == nullptr) Die("cannot start Redis");
  char line[512] = "";
  // The last line is "COMMAND","rate",…
  while (std::fgets(line, sizeof(line), out) != nullptr) {
  }
  pclose(out);
  const std::string text = line;
  const size_t begin = text.find("\",\"");
  double rate = 0;
  if (begin == std::string::npos ||
      !absl::SimpleAtod(
          text.substr(begin + 3, text.find('"', begin + 3) - begin - 3),
          &rate)) {
    Die("redis-benchmark said: " + text);
  }
  return rate;
}

}  // namespace msgproc::benchmarks
