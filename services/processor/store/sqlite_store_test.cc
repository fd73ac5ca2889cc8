#include "services/processor/store/sqlite_store.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/store/open_store.h"
#include "services/processor/store/testing/killed_writer.h"
#include "services/processor/store/testing/session_store_contract.h"
#include "sqlite/statement.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A directory of this test's own.
std::string FreshDirectory() {
  std::string path = absl::StrCat(::testing::TempDir(), "/sqlite-XXXXXX");
  return mkdtemp(path.data());
}

class SqliteUnderTest : public StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<SessionStore>> Open(
      const std::string& owner, bool renew_generation) override {
    auto store = OpenSessionStore({.url = absl::StrCat("sqlite:", path_),
                                   .owner = owner,
                                   .renew_generation = renew_generation});
    if (!store.ok()) return store.status();
    const auto connection = *(*store)->Connect();
    if (!connection->Begin().ok()) std::abort();
    const auto made = connection->transaction()->Execute(
        "CREATE TABLE IF NOT EXISTS ledger"
        " (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
    if (!made.ok()) return made.status();
    if (!connection->Write({}).ok()) std::abort();
    if (!connection->Commit().ok()) std::abort();
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
  const std::string path_ = absl::StrCat(FreshDirectory(), "/sessions.db");
};

std::unique_ptr<StoreUnderTest> MakeSqliteUnderTest() {
  return std::make_unique<SqliteUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, SessionStoreContractTest,
                         ::testing::Values(&MakeSqliteUnderTest));

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() : path_(absl::StrCat(FreshDirectory(), "/a/b/store.db")) {
    Open();
  }

  absl::StatusOr<std::unique_ptr<SessionStore>> TryOpen() {
    return OpenSessionStore({.url = absl::StrCat("sqlite:", path_)});
  }
  void Close() {
    connection_.reset();
    store_.reset();
  }
  void Open() {
    Close();
    auto store = TryOpen();
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    connection_ = *store_->Connect();
  }
  absl::Status Execute(absl::string_view sql,
                       const std::vector<SqlValue>& parameters = {}) {
    return connection_->transaction()->Execute(sql, parameters).status();
  }
  sqlite3* native() {
    return static_cast<sqlite3*>(connection_->transaction()->native());
  }
  std::string NativeText(const char* sql) {
    const auto statement = *sqlite::Statement::Prepare(native(), sql);
    EXPECT_EQ(statement->Step(), SQLITE_ROW);
    return statement->bytes(0);
  }
  mode_t ModeOf(const std::string& path) {
    struct stat found = {};
    EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 07777;
  }
  uint64_t SizeOf(const std::string& path) {
    return std::filesystem::file_size(path);
  }

  const std::string path_;
  std::unique_ptr<SessionStore> store_;
  std::unique_ptr<StoreConnection> connection_;
};

TEST_F(SqliteStoreTest, WhatItMakesIsForNobodyElse) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  EXPECT_EQ(ModeOf(path_), 0600u);
  EXPECT_EQ(ModeOf(path_ + "-wal"), 0600u);
  EXPECT_EQ(ModeOf(path_ + "-lock"), 0600u);
  const auto b = std::filesystem::path(path_).parent_path();
  EXPECT_EQ(ModeOf(b), 0700u);
  EXPECT_EQ(ModeOf(b.parent_path()), 0700u);
}

TEST_F(SqliteStoreTest, ACommitIsOnTheDiskBeforeItIsSaidToBe) {
  EXPECT_EQ(NativeText("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(NativeText("PRAGMA synchronous"), "2");
  EXPECT_EQ(NativeText("PRAGMA locking_mode"), "exclusive");
  EXPECT_EQ(NativeText("PRAGMA page_size"), "16384");
  // One connection, without an index that other processes share.
  EXPECT_FALSE(std::filesystem::exists(path_ + "-shm"));
}

TEST_F(SqliteStoreTest, OnlyOneProcessHasIt) {
  const auto second = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(second.status().message(),
              HasSubstr(absl::StrCat("process ", getpid(), " on ")));
  EXPECT_THAT(second.status().message(), HasSubstr("is in use by another"));
  // The refused one has taken nothing from the first.
  EXPECT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  sqlite3* shell = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &shell), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(shell, "SELECT * FROM msgproc_sessions", nullptr,
                         nullptr, nullptr),
            SQLITE_BUSY);
  sqlite3_close(shell);
  Close();
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(SqliteStoreTest, ALaterSchemaIsRefused) {
  ASSERT_EQ(sqlite3_exec(native(),
                         "UPDATE msgproc_meta SET schema_version = 5,"
                         " oldest_reader = 4",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  Close();
  const auto refused = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(refused.status().message(),
              HasSubstr("tables of version 5, which need a processor that "
                        "knows version 4; this one knows version 3"));
}

TEST_F(SqliteStoreTest, TablesOfTheVersionBeforeGetWhatTheyLack) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(connection_->Write({ResultsOf("s", 1, 1, 3)}).ok());
  ASSERT_TRUE(connection_->Commit().ok());
  ASSERT_EQ(
      sqlite3_exec(native(),
                   "ALTER TABLE msgproc_sessions DROP COLUMN tries;"
                   "ALTER TABLE msgproc_sessions DROP COLUMN deaths;"
                   "ALTER TABLE msgproc_sessions DROP COLUMN tries_behind;"
                   "UPDATE msgproc_meta SET schema_version = 2",
                   nullptr, nullptr, nullptr),
      SQLITE_OK);
  // And they are as they should be when it is opened once more.
  for (uint64_t begun = 2; begun <= 3; ++begun) {
    Close();
    store_ = *TryOpen();
    connection_ = *store_->Connect();
    const auto claimed = connection_->ClaimSessions({ClaimOf("s")});
    ASSERT_TRUE(claimed.ok()) << claimed.status();
    EXPECT_EQ(claimed->front().committed_through, 3u);
    EXPECT_THAT(claimed->front().outcomes, SizeIs(1));
    EXPECT_EQ(claimed->front().tries, (Tries{.begun = begun, .behind = 3}));
  }
}

TEST_F(SqliteStoreTest, AnErrorSaysWhatIsInTheWay) {
  Close();
  const std::string directory = FreshDirectory();
  std::ofstream(directory + "/file") << std::string(20'000, 'x');
  const auto not_ours =
      OpenSessionStore({.url = absl::StrCat("sqlite:", directory, "/file")});
  EXPECT_THAT(not_ours.status().message(), HasSubstr("not a database"));
  const auto below_a_file = OpenSessionStore(
      {.url = absl::StrCat("sqlite:", directory, "/file/store.db")});
  EXPECT_TRUE(absl::IsFailedPrecondition(below_a_file.status()));
  EXPECT_THAT(below_a_file.status().message(), HasSubstr("Not a directory"));
  std::filesystem::create_directory(directory + "/there");
  const auto a_directory =
      OpenSessionStore({.url = absl::StrCat("sqlite:", directory, "/there")});
  EXPECT_THAT(a_directory.status().message(), HasSubstr("Is a directory"));
  const auto nowhere = OpenSessionStore({.url = "sqlite:/proc/x/store.db"});
  EXPECT_FALSE(nowhere.ok());
  EXPECT_THAT(nowhere.status().message(), HasSubstr("/proc/x"));
}

TEST_F(SqliteStoreTest, HandlersNeitherEndTheTransactionNorLookBeyondIt) {
  for (const auto& [sql, why] :
       std::vector<std::pair<const char*, const char*>>{
           {"COMMIT", "COMMIT is not for handlers"},
           {"END", "COMMIT is not for handlers"},
           {"ROLLBACK", "ROLLBACK is not for handlers"},
           {"BEGIN", "BEGIN is not for handlers"},
           {"SAVEPOINT mine", "SAVEPOINT is not for handlers"},
           {"RELEASE msgproc", "SAVEPOINT is not for handlers"},
           {"ATTACH '/tmp/other.db' AS other", "ATTACH and DETACH"},
           {"PRAGMA synchronous=OFF", "PRAGMA is not for handlers"},
           {"SELECT * FROM pragma_database_list", "PRAGMA is not for handlers"},
           {"SELECT load_extension('x')", "load_extension"},
           {"SELECT token_sha256 FROM msgproc_sessions", "tables of the store"},
           {"DELETE FROM MSGPROC_outcomes", "tables of the store"},
           {"DROP TABLE msgproc_meta", "tables of the store"},
           {"ALTER TABLE msgproc_meta ADD COLUMN x", "tables of the store"},
           {"CREATE INDEX mine ON msgproc_sessions (epoch)",
            "tables of the store"},
           {"CREATE TRIGGER mine AFTER INSERT ON msgproc_outcomes BEGIN"
            " SELECT 1; END",
            "tables of the store"},
           {"CREATE TABLE msgproc_mine (x)", "tables of the store"},
           {"INSERT OR ROLLBACK INTO mine VALUES (1)", "OR ROLLBACK is not"}}) {
    ASSERT_TRUE(connection_->Begin().ok());
    const absl::Status status = Execute(sql);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << sql << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(why)) << sql;
    connection_->Rollback();
  }
}

TEST_F(SqliteStoreTest, NeitherByAViewNorByATrigger) {
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("CREATE VIEW tokens AS"
                      " SELECT token_sha256 FROM msgproc_sessions")
                  .ok());
  EXPECT_THAT(Execute("SELECT * FROM tokens").message(),
              HasSubstr("tables of the store"));
  connection_->Rollback();
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("CREATE TABLE mine (x)").ok());
  ASSERT_TRUE(Execute("CREATE TRIGGER rude AFTER INSERT ON mine BEGIN"
                      " DELETE FROM msgproc_sessions; END")
                  .ok());
  EXPECT_THAT(Execute("INSERT INTO mine VALUES (1)").message(),
              HasSubstr("tables of the store"));
}

TEST_F(SqliteStoreTest, StatementsStayPreparedAcrossAChangeOfTheSchema) {
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("CREATE TABLE mine (x INTEGER)").ok());
  for (int64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(Execute("INSERT INTO mine VALUES ($1)", {i}).ok());
    ASSERT_TRUE(Execute(absl::StrCat("CREATE TABLE mine", i, " (x)")).ok());
  }
  const auto sum =
      connection_->transaction()->Execute("SELECT SUM(x) FROM mine");
  EXPECT_THAT(sum->at(0), ElementsAre(SqlValue(int64_t{3})));
  EXPECT_THAT(Execute("INSERT INTO mine VALUES ($1)").message(),
              HasSubstr("takes 1 parameters and got 0"));
}

TEST_F(SqliteStoreTest, ForeignKeysAreEnforced) {
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(Execute("CREATE TABLE owners (id INTEGER PRIMARY KEY)").ok());
  ASSERT_TRUE(
      Execute("CREATE TABLE accounts (owner INTEGER REFERENCES owners)").ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(Execute("INSERT INTO accounts VALUES (7)")));
}

TEST_F(SqliteStoreTest, AFullStoreIsSaidAndGoesOnWhenThereIsRoom) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  sqlite3_exec(native(), "PRAGMA max_page_count=16", nullptr, nullptr, nullptr);
  const SessionWrite write = ResultsOf("s", 1, 1, 9, std::string(1 << 20, 'x'));
  ASSERT_TRUE(connection_->Begin().ok());
  EXPECT_TRUE(absl::IsResourceExhausted(connection_->Write({write}).status()));
  sqlite3_exec(native(), "PRAGMA max_page_count=100000", nullptr, nullptr,
               nullptr);
  ASSERT_TRUE(connection_->Begin().ok());
  EXPECT_THAT(*connection_->Write({write}), ElementsAre(true));
  EXPECT_TRUE(connection_->Commit().ok());
}

TEST_F(SqliteStoreTest, AStatementThatEndsTheTransactionIsNoticed) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  // Past what its text tells.
  ASSERT_EQ(sqlite3_exec(native(),
                         "CREATE TABLE mine (x UNIQUE ON CONFLICT ROLLBACK)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(connection_->SetSavepoint().ok());
  ASSERT_TRUE(Execute("INSERT INTO mine VALUES (1)").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Execute("INSERT INTO mine VALUES (1)")));
  EXPECT_TRUE(absl::IsAborted(connection_->RollbackToSavepoint()));
  ASSERT_TRUE(connection_->Begin().ok());
  EXPECT_THAT(*connection_->Write({ResultsOf("s", 1, 1, 1)}),
              ElementsAre(true));
  EXPECT_TRUE(connection_->Commit().ok());
}

TEST_F(SqliteStoreTest, WhatIsTrimmedLeavesRoomForWhatComes) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  const std::string results(1 << 20, 'x');
  for (uint64_t i = 1; i <= 200; ++i) {
    SessionWrite write = ResultsOf("s", 1, i, i, results);
    write.trim_through = i - 1;
    ASSERT_TRUE(connection_->Begin().ok());
    ASSERT_THAT(*connection_->Write({write}), ElementsAre(true));
    ASSERT_TRUE(connection_->Commit().ok());
  }
  // Of 200 MiB.
  EXPECT_LT(SizeOf(path_), 8u << 20);
  EXPECT_LT(SizeOf(path_ + "-wal"), 64u << 20);
  EXPECT_GT(SizeOf(path_), 1u << 20);
}

TEST_F(SqliteStoreTest, WhatAKilledProcessCommittedIsThere) {
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(
      Execute("CREATE TABLE ledger (key TEXT PRIMARY KEY, value TEXT)").ok());
  ASSERT_TRUE(connection_->Write({}).ok());
  ASSERT_TRUE(connection_->Commit().ok());
  Close();
  uint64_t said = 0;
  for (int kills = 1; kills <= 8; ++kills) {
    said = RunKilledWriter(absl::StrCat("sqlite:", path_), 1 << kills);
    ASSERT_GT(said, 0u);
    Open();
    const Claimed claimed = connection_->ClaimSessions({ClaimOf("s")})->front();
    ASSERT_TRUE(claimed.status.ok()) << claimed.status;
    EXPECT_GE(claimed.committed_through, said);
    EXPECT_THAT(claimed.outcomes, SizeIs(claimed.committed_through));
    // Each with its effect, and none without.
    ASSERT_TRUE(connection_->Begin().ok());
    EXPECT_THAT(
        connection_->transaction()
            ->Execute("SELECT COUNT(*) FROM ledger")
            ->front(),
        ElementsAre(SqlValue(static_cast<int64_t>(claimed.committed_through))));
    Close();
  }
}

TEST_F(SqliteStoreTest, TheNextConnectionHasTheSameFile) {
  sqlite3* const before = native();
  connection_.reset();
  connection_ = *store_->Connect();
  EXPECT_EQ(native(), before);
}

}  // namespace
}  // namespace msgproc::processor
