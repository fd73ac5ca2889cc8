#include "services/processor/store/postgres_store.h"

#include <postgresql/libpq-fe.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/processor/store/open_store.h"
#include "services/processor/store/testing/killed_writer.h"
#include "services/processor/store/testing/postgres_cluster.h"
#include "services/processor/store/testing/session_store_contract.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

void ExecuteAlone(StoreConnection* connection, absl::string_view sql) {
  ASSERT_TRUE(connection->Begin().ok());
  const auto rows = connection->transaction()->Execute(sql);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_TRUE(connection->Write({}).ok());
  ASSERT_TRUE(connection->Commit().ok());
}

constexpr absl::string_view kLedger =
    "CREATE TABLE IF NOT EXISTS ledger (key text PRIMARY KEY, value text)";

class PostgresUnderTest : public StoreUnderTest {
 public:
  PostgresUnderTest(std::string url, bool prepared)
      : prepared_(prepared), url_(std::move(url)) {}

  absl::StatusOr<std::unique_ptr<SessionStore>> Open(
      const std::string& owner, bool renew_generation) override {
    auto store = OpenSessionStore({.url = url_,
                                   .owner = owner,
                                   .renew_generation = renew_generation,
                                   .prepared_statements = prepared_});
    if (store.ok()) ExecuteAlone((*store)->Connect()->get(), kLedger);
    return store;
  }
  std::string put() const override {
    return "INSERT INTO ledger (key, value) VALUES ($1, $2)"
           " ON CONFLICT (key) DO UPDATE SET value = excluded.value";
  }
  std::string insert() const override {
    return "INSERT INTO ledger (key, value) VALUES ($1, $2)";
  }
  std::string get() const override {
    return "SELECT value FROM ledger WHERE key = $1";
  }

 private:
  const bool prepared_;
  const std::string url_;
};

std::unique_ptr<StoreUnderTest> MakeDirect() {
  PostgresCluster* const cluster = PostgresCluster::Shared();
  if (cluster == nullptr) return nullptr;
  return std::make_unique<PostgresUnderTest>(cluster->FreshUrl(),
                                             /*prepared=*/true);
}

std::unique_ptr<StoreUnderTest> MakePooled() {
  PostgresCluster* const cluster = PostgresCluster::Shared();
  if (cluster == nullptr) return nullptr;
  std::string url = cluster->FreshPooledUrl();
  if (url.empty()) return nullptr;
  return std::make_unique<PostgresUnderTest>(std::move(url),
                                             /*prepared=*/false);
}

INSTANTIATE_TEST_SUITE_P(Postgres, SessionStoreContractTest,
                         ::testing::Values(&MakeDirect));
// Behind pgbouncer.
INSTANTIATE_TEST_SUITE_P(Pooled, SessionStoreContractTest,
                         ::testing::Values(&MakePooled));

class PostgresStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_ = PostgresCluster::Shared();
    if (cluster_ == nullptr) GTEST_SKIP() << "PostgreSQL is not installed";
    url_ = cluster_->FreshUrl();
    Open();
  }

  StoreOptions Options(const std::string& owner) const {
    return {.url = url_, .owner = owner};
  }
  void Open() {
    connection_.reset();
    auto store = OpenSessionStore(Options("me"));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    connection_ = *store_->Connect();
  }
  // Another process' connection.
  std::unique_ptr<StoreConnection> Other(const StoreOptions& options) {
    others_.push_back(*OpenSessionStore(options));
    return *others_.back()->Connect();
  }
  absl::Status Execute(absl::string_view sql,
                       const std::vector<SqlValue>& parameters = {}) {
    return connection_->transaction()->Execute(sql, parameters).status();
  }
  PGconn* native() {
    return static_cast<PGconn*>(connection_->transaction()->native());
  }
  // Past the store.
  void RunOn(PGconn* connection, const char* sql) {
    PGresult* const result = PQexec(connection, sql);
    EXPECT_TRUE(PQresultStatus(result) == PGRES_COMMAND_OK ||
                PQresultStatus(result) == PGRES_TUPLES_OK)
        << sql << ": " << PQerrorMessage(connection);
    PQclear(result);
  }
  bool SomebodyWaitsForALock() {
    PGconn* const connection = PQconnectdb(url_.c_str());
    PGresult* const result = PQexec(connection,
                                    "SELECT 1 FROM pg_stat_activity WHERE"
                                    " wait_event_type = 'Lock'");
    const bool waits = PQntuples(result) > 0;
    PQclear(result);
    PQfinish(connection);
    return waits;
  }

  PostgresCluster* cluster_ = nullptr;
  std::string url_;
  std::unique_ptr<SessionStore> store_;
  std::vector<std::unique_ptr<SessionStore>> others_;
  std::unique_ptr<StoreConnection> connection_;
};

TEST_F(PostgresStoreTest, AClaimWaitsForACommitUnderWayAndSeesIt) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_THAT(*connection_->Write({ResultsOf("s", 1, 1, 7)}),
              ElementsAre(true));
  const auto other = Other(Options("other"));
  Claimed claimed;
  std::thread claimer(
      [&] { claimed = other->ClaimSessions({ClaimOf("s")})->front(); });
  EXPECT_TRUE(base::Eventually([this] { return SomebodyWaitsForALock(); }));
  EXPECT_TRUE(connection_->Commit().ok());
  claimer.join();
  EXPECT_EQ(claimed.epoch, 2u);
  EXPECT_EQ(claimed.committed_through, 7u);
  EXPECT_THAT(claimed.outcomes, SizeIs(1));
}

TEST_F(PostgresStoreTest, AWriteThatWaitedForAClaimIsFenced) {
  ASSERT_TRUE(
      connection_->ClaimSessions({ClaimOf("mine"), ClaimOf("taken")}).ok());
  PGconn* const claimer = PQconnectdb(url_.c_str());
  RunOn(claimer, "BEGIN");
  RunOn(claimer,
        "UPDATE msgproc_sessions SET epoch = epoch + 1, owner = 'x'"
        " WHERE session_id = 'taken'");
  ASSERT_TRUE(connection_->Begin().ok());
  absl::StatusOr<std::vector<bool>> written;
  std::thread writer([&] {
    written = connection_->Write(
        {ResultsOf("taken", 1, 1, 1), ResultsOf("mine", 1, 1, 1)});
  });
  EXPECT_TRUE(base::Eventually([this] { return SomebodyWaitsForALock(); }));
  RunOn(claimer, "COMMIT");
  writer.join();
  PQfinish(claimer);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_THAT(*written, ElementsAre(false, true));
  EXPECT_TRUE(connection_->Commit().ok());
  const auto other = Other(Options("other"));
  const auto claimed =
      other->ClaimSessions({ClaimOf("mine"), ClaimOf("taken")});
  EXPECT_EQ((*claimed)[0].committed_through, 1u);
  EXPECT_EQ((*claimed)[1].committed_through, 0u);
}

TEST_F(PostgresStoreTest, AFrozenOwnerDoesNotHoldUpATakeover) {
  StoreOptions options = Options("frozen");
  options.idle_in_transaction_timeout = absl::Milliseconds(200);
  const auto frozen = Other(options);
  ASSERT_TRUE(frozen->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(frozen->Begin().ok());
  ASSERT_THAT(*frozen->Write({ResultsOf("s", 1, 1, 1)}), ElementsAre(true));
  // It says nothing more, and the server rolls it back.
  const auto claimed = connection_->ClaimSessions({ClaimOf("s")});
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_EQ(claimed->front().epoch, 2u);
  EXPECT_EQ(claimed->front().committed_through, 0u);
  EXPECT_TRUE(absl::IsUnknown(frozen->Commit()));
  EXPECT_TRUE(absl::IsUnavailable(frozen->Begin()));
}

TEST_F(PostgresStoreTest, WhoDiesWhileItWaitsForALockHoldsUpNobody) {
  ExecuteAlone(connection_.get(), kLedger);
  PGconn* const holder = PQconnectdb(url_.c_str());
  RunOn(holder, "BEGIN");
  RunOn(holder, "INSERT INTO ledger VALUES ('held', '')");
  StoreOptions options = Options("killed");
  options.lock_timeout = absl::Hours(1);
  const auto killed = Other(options);
  ASSERT_TRUE(killed->Begin().ok());
  ASSERT_TRUE(killed->transaction()
                  ->Execute("INSERT INTO ledger VALUES ('left behind', '')")
                  .ok());
  const int socket =
      PQsocket(static_cast<PGconn*>(killed->transaction()->native()));
  absl::Status status;
  std::thread waits([&] {
    status = killed->transaction()
                 ->Execute("INSERT INTO ledger VALUES ('held', '')")
                 .status();
  });
  EXPECT_TRUE(base::Eventually([this] { return SomebodyWaitsForALock(); }));
  // As if its process had been killed.
  shutdown(socket, SHUT_RDWR);
  waits.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  // What it had locked is free, though what it waited for is not.
  const auto other = Other(Options("other"));
  ASSERT_TRUE(other->Begin().ok());
  const auto inserted = other->transaction()->Execute(
      "INSERT INTO ledger VALUES ('left behind', '')");
  EXPECT_TRUE(inserted.ok()) << inserted.status();
  PQfinish(holder);
}

TEST_F(PostgresStoreTest, WhoWaitsForAnAnswerCanBeInterrupted) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  PGconn* const holder = PQconnectdb(url_.c_str());
  RunOn(holder, "BEGIN");
  RunOn(holder, "LOCK TABLE msgproc_sessions");
  StoreOptions options = Options("me");
  options.lock_timeout = absl::Hours(1);
  const auto other = Other(options);
  absl::Status status;
  std::thread waits(
      [&] { status = other->ClaimSessions({ClaimOf("s")}).status(); });
  EXPECT_TRUE(base::Eventually([this] { return SomebodyWaitsForALock(); }));
  others_.back()->Interrupt();
  waits.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::IsUnavailable(others_.back()->Connect().status()));
  // Of another store nothing is.
  RunOn(holder, "ROLLBACK");
  PQfinish(holder);
  EXPECT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
}

TEST_F(PostgresStoreTest, WhoWaitsTooLongForARowTriesAgain) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_THAT(*connection_->Write({ResultsOf("s", 1, 1, 1)}),
              ElementsAre(true));
  StoreOptions options = Options("other");
  options.lock_timeout = absl::Milliseconds(1);
  const auto other = Other(options);
  const auto late = other->ClaimSessions({ClaimOf("s")});
  EXPECT_TRUE(absl::IsAborted(late.status())) << late.status();
  EXPECT_TRUE(connection_->Commit().ok());
  // Its connection is as before.
  EXPECT_EQ(other->ClaimSessions({ClaimOf("s")})->front().epoch, 2u);
}

TEST_F(PostgresStoreTest, ManyProcessesClaimNewSessionsAtOnce) {
  constexpr int kProcesses = 4;
  constexpr int kSessions = 50;
  std::vector<std::unique_ptr<StoreConnection>> connections;
  for (int i = 0; i < kProcesses; ++i) {
    connections.push_back(Other(Options(absl::StrCat("process-", i))));
  }
  std::vector<std::vector<Claimed>> claimed(kProcesses);
  std::vector<std::thread> threads;
  for (int i = 0; i < kProcesses; ++i) {
    threads.emplace_back([&, i] {
      std::vector<Claim> claims;
      for (int j = 0; j < kSessions; ++j) {
        // Each in an order of its own.
        claims.push_back(
            ClaimOf(absl::StrCat("s", i % 2 == 0 ? j : kSessions - 1 - j)));
      }
      auto made = connections[i]->ClaimSessions(claims);
      ASSERT_TRUE(made.ok()) << made.status();
      claimed[i] = *std::move(made);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int j = 0; j < kSessions; ++j) {
    uint64_t epochs = 0;
    int created = 0;
    for (int i = 0; i < kProcesses; ++i) {
      ASSERT_THAT(claimed[i], SizeIs(kSessions));
      const Claimed& one = claimed[i][i % 2 == 0 ? j : kSessions - 1 - j];
      EXPECT_TRUE(one.status.ok()) << one.status;
      epochs += one.epoch;
      created += one.created ? 1 : 0;
    }
    // 1, 2, 3 and 4.
    EXPECT_EQ(epochs, 10u);
    EXPECT_EQ(created, 1);
  }
}

TEST_F(PostgresStoreTest, ManyProcessesMakeItAtOnce) {
  for (int round = 0; round < 10; ++round) {
    url_ = cluster_->FreshUrl();
    std::vector<std::string> generations(4);
    std::vector<std::thread> threads;
    for (std::string& generation : generations) {
      threads.emplace_back([this, &generation] {
        const auto store = OpenSessionStore(Options("me"));
        ASSERT_TRUE(store.ok()) << store.status();
        generation = (*store)->generation();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(generations, ::testing::Each(generations[0]));
  }
}

TEST_F(PostgresStoreTest, ACommitWhoseAnswerIsLostIsUnknown) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_THAT(*connection_->Write({ResultsOf("s", 1, 1, 1)}),
              ElementsAre(true));
  cluster_->Run(absl::StrCat("SELECT pg_terminate_backend(",
                             PQbackendPID(native()), ")"));
  EXPECT_TRUE(absl::IsUnknown(connection_->Commit()));
  EXPECT_TRUE(absl::IsUnavailable(connection_->Begin()));
  EXPECT_TRUE(
      absl::IsUnavailable(connection_->ClaimSessions({ClaimOf("s")}).status()));
  EXPECT_TRUE(absl::IsUnavailable(connection_->MeasureSize().status()));
  connection_ = *store_->Connect();
  Claim anew = ClaimOf("s");
  anew.epoch = 1;
  anew.anew = true;
  const Claimed claimed = connection_->ClaimSessions({anew})->front();
  EXPECT_EQ(claimed.epoch, 2u);
  EXPECT_EQ(claimed.committed_through, 0u);
}

TEST_F(PostgresStoreTest, ALostConnectionIsSaidByWhateverComesNext) {
  ExecuteAlone(connection_.get(), kLedger);
  const auto lose = [this] {
    cluster_->Run(absl::StrCat("SELECT pg_terminate_backend(",
                               PQbackendPID(native()), ")"));
  };
  ASSERT_TRUE(connection_->Begin().ok());
  lose();
  EXPECT_TRUE(absl::IsUnavailable(Execute("SELECT 1")));
  connection_->Rollback();
  connection_ = *store_->Connect();
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("SELECT 1").ok());
  lose();
  EXPECT_TRUE(absl::IsUnavailable(connection_->Write({}).status()));
}

TEST_F(PostgresStoreTest, WhatWouldLoseCommitsIsRefused) {
  StoreOptions options = Options("me");
  options.url += "%20-csynchronous_commit%3Doff";
  const auto refused = OpenSessionStore(options);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(refused.status().message(),
              HasSubstr("synchronous_commit is off"));
  // By the back door.
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(
      Execute("SELECT set_config('synchronous_commit', 'off', true)").ok());
  EXPECT_TRUE(
      absl::IsInternal(connection_->Write({ResultsOf("s", 1, 1, 1)}).status()));
}

TEST_F(PostgresStoreTest, ALaterSchemaIsRefused) {
  RunOn(native(),
        "UPDATE msgproc_meta SET schema_version = 5,"
        " oldest_reader = 4");
  const auto refused = OpenSessionStore(Options("me"));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(refused.status().message(),
              HasSubstr("tables of version 5, which need a processor that "
                        "knows version 4; this one knows version 3"));
}

TEST_F(PostgresStoreTest, TablesOfTheVersionBeforeGetWhatTheyLack) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(connection_->Write({ResultsOf("s", 1, 1, 3)}).ok());
  ASSERT_TRUE(connection_->Commit().ok());
  RunOn(native(),
        "ALTER TABLE msgproc_sessions DROP COLUMN tries, DROP COLUMN deaths,"
        " DROP COLUMN tries_behind;"
        "UPDATE msgproc_meta SET schema_version = 2");
  for (uint64_t begun = 2; begun <= 3; ++begun) {
    connection_.reset();
    store_ = *OpenSessionStore(Options(absl::StrCat("process-", begun)));
    connection_ = *store_->Connect();
    const auto claimed = connection_->ClaimSessions({ClaimOf("s")});
    ASSERT_TRUE(claimed.ok()) << claimed.status();
    EXPECT_EQ(claimed->front().committed_through, 3u);
    EXPECT_THAT(claimed->front().outcomes, SizeIs(1));
    EXPECT_EQ(claimed->front().tries, (Tries{.begun = begun, .behind = 3}));
  }
  // A processor of the version before goes on beginning sessions.
  RunOn(native(),
        "INSERT INTO msgproc_sessions (session_id, token_sha256, principal,"
        " handler, epoch, owner, instance, attempt)"
        " SELECT 'other', token_sha256, principal, handler, 1, 'older', 0, 0"
        " FROM msgproc_sessions");
  const auto claimed = connection_->ClaimSessions({ClaimOf("other")});
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_EQ(claimed->front().tries, Tries{.begun = 2});
}

TEST_F(PostgresStoreTest, AStoreThatWasReplacedIsNoticed) {
  RunOn(native(), "UPDATE msgproc_meta SET generation = 'restored'");
  const auto connection = store_->Connect();
  EXPECT_TRUE(absl::IsFailedPrecondition(connection.status()));
  EXPECT_THAT(connection.status().message(),
              HasSubstr("its generation is 'restored'"));
}

TEST_F(PostgresStoreTest, WhoCannotBeReachedIsSaid) {
  const auto nobody =
      OpenSessionStore({.url = "postgresql://ada:secret@/db?host=%2Fnowhere"});
  EXPECT_TRUE(absl::IsUnavailable(nobody.status())) << nobody.status();
  EXPECT_THAT(nobody.status().message(), HasSubstr("/nowhere"));
  EXPECT_THAT(nobody.status().message(), ::testing::Not(HasSubstr("secret")));
  const auto wrong = OpenSessionStore({.url = "postgresql://?nonsense=1"});
  EXPECT_TRUE(absl::IsInvalidArgument(wrong.status())) << wrong.status();
  StoreOptions options = Options("me");
  options.url += "&dbname=missing";
  const auto missing = OpenSessionStore(options);
  EXPECT_TRUE(absl::IsPermissionDenied(missing.status())) << missing.status();
}

TEST_F(PostgresStoreTest, HandlersDoNotEndTheTransaction) {
  for (const char* sql : {"COMMIT", "SET synchronous_commit = off",
                          "SELECT * FROM msgproc_sessions"}) {
    ASSERT_TRUE(connection_->Begin().ok());
    EXPECT_TRUE(absl::IsInvalidArgument(Execute(sql))) << sql;
    connection_->Rollback();
  }
}

TEST_F(PostgresStoreTest, AllTypesComeAndGo) {
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("CREATE TEMP TABLE t (a bigint, b float8, c text,"
                      " d bytea, e boolean, f numeric, g smallint, h text)")
                  .ok());
  ASSERT_TRUE(Execute("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                      {int64_t{-5'000'000'000}, 0.1, std::string("ä'"),
                       Blob{std::string("\0\xff", 2)}, int64_t{1},
                       std::string("1.50"), int64_t{7}, SqlValue()})
                  .ok());
  const auto rows = connection_->transaction()->Execute("SELECT * FROM t");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->at(0),
              ElementsAre(SqlValue(int64_t{-5'000'000'000}), SqlValue(0.1),
                          SqlValue(std::string("ä'")),
                          SqlValue(Blob{std::string("\0\xff", 2)}),
                          SqlValue(int64_t{1}), SqlValue(std::string("1.50")),
                          SqlValue(int64_t{7}), SqlValue()));
  EXPECT_THAT(Execute("SELECT $1::text", {std::string("a\0b", 3)}).message(),
              HasSubstr("parameter $1 is text with a NUL"));
}

TEST_F(PostgresStoreTest, ADeferredConstraintIsTheMessagesOwn) {
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("CREATE TEMP TABLE t (a int UNIQUE"
                      " DEFERRABLE INITIALLY DEFERRED)")
                  .ok());
  ASSERT_TRUE(connection_->Write({}).ok());
  ASSERT_TRUE(connection_->Commit().ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("INSERT INTO t VALUES (1)").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Execute("INSERT INTO t VALUES (1)")));
  connection_->Rollback();
  // Nor does it become everybody's again with a savepoint.
  ASSERT_TRUE(connection_->Begin().ok());
  for (int message = 0; message < 2; ++message) {
    ASSERT_TRUE(connection_->SetSavepoint().ok());
    ASSERT_TRUE(Execute("INSERT INTO t VALUES (1)").ok());
    EXPECT_TRUE(absl::IsAlreadyExists(Execute("INSERT INTO t VALUES (1)")));
    ASSERT_TRUE(connection_->RollbackToSavepoint().ok());
    ASSERT_TRUE(connection_->ReleaseSavepoint().ok());
  }
  ASSERT_TRUE(connection_->Write({}).ok());
  EXPECT_TRUE(connection_->Commit().ok());
}

TEST_F(PostgresStoreTest, MoreStatementsThanStayPrepared) {
  ASSERT_TRUE(connection_->Begin().ok());
  for (int round = 0; round < 2; ++round) {
    for (int64_t i = 0; i < 300; ++i) {
      const auto rows = connection_->transaction()->Execute(
          absl::StrCat("SELECT $1::bigint + ", i), {i});
      ASSERT_TRUE(rows.ok()) << rows.status();
      ASSERT_THAT(rows->at(0), ElementsAre(SqlValue(2 * i)));
    }
  }
  // And one that failed to be prepared can be mended.
  ASSERT_TRUE(connection_->SetSavepoint().ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Execute("SELECT * FROM later")));
  ASSERT_TRUE(connection_->RollbackToSavepoint().ok());
  ASSERT_TRUE(Execute("CREATE TEMP TABLE later (a int)").ok());
  EXPECT_TRUE(Execute("SELECT * FROM later").ok());
}

TEST_F(PostgresStoreTest, AServerThatStopsKeepsWhatItSaid) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  uint64_t through = 0;
  for (const int signal : {SIGINT, SIGQUIT}) {
    const uint64_t epoch = through + 1;
    ASSERT_TRUE(connection_->Begin().ok());
    ASSERT_THAT(
        *connection_->Write({ResultsOf("s", epoch, through + 1, through + 1)}),
        ElementsAre(true));
    ASSERT_TRUE(connection_->Commit().ok());
    ++through;
    cluster_->Stop(signal);
    EXPECT_TRUE(absl::IsUnavailable(
        connection_->ClaimSessions({ClaimOf("s")}).status()));
    EXPECT_TRUE(absl::IsUnavailable(store_->Connect().status()));
    ASSERT_TRUE(cluster_->Start().ok());
    connection_ = *store_->Connect();
    const Claimed claimed = connection_->ClaimSessions({ClaimOf("s")})->front();
    EXPECT_EQ(claimed.committed_through, through);
  }
}

TEST_F(PostgresStoreTest, WhatAKilledProcessCommittedIsThere) {
  ExecuteAlone(connection_.get(), kLedger);
  for (int kills = 1; kills <= 5; ++kills) {
    const uint64_t said = RunKilledWriter(url_, 1 << kills);
    ASSERT_GT(said, 0u);
    const Claimed claimed = connection_->ClaimSessions({ClaimOf("s")})->front();
    ASSERT_TRUE(claimed.status.ok()) << claimed.status;
    EXPECT_GE(claimed.committed_through, said);
    EXPECT_THAT(claimed.outcomes, SizeIs(claimed.committed_through));
    ASSERT_TRUE(connection_->Begin().ok());
    EXPECT_THAT(
        connection_->transaction()
            ->Execute("SELECT COUNT(*) FROM ledger")
            ->front(),
        ElementsAre(SqlValue(static_cast<int64_t>(claimed.committed_through))));
    connection_->Rollback();
  }
}

}  // namespace
}  // namespace msgproc::processor
