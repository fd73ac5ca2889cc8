// Stores whose rows, or whose file, somebody has damaged: whatever is asked of
// them is done, or said to be impossible, and nobody crashes.
#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/processor/store/open_store.h"
#include "services/processor/store/outcomes.h"
#include "services/processor/store/testing/session_store_contract.h"

namespace msgproc::processor {
namespace {

class DamagedStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string directory =
        absl::StrCat(::testing::TempDir(), "/damaged-XXXXXX");
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    path_ = directory + "/store.db";
    Make();
    good_ = path_ + ".good";
    std::filesystem::copy_file(path_, good_);
  }

  absl::StatusOr<std::unique_ptr<SessionStore>> Open() const {
    return OpenSessionStore({.url = absl::StrCat("sqlite:", path_)});
  }
  // A store with a few sessions, each with results.
  void Make() {
    const auto store = Open();
    ASSERT_TRUE(store.ok()) << store.status();
    const auto connection = *(*store)->Connect();
    for (const std::string& id : ids_) {
      ASSERT_TRUE(connection->ClaimSessions({ClaimOf(id)}).ok());
      for (uint64_t first = 1; first < 30; first += 10) {
        ASSERT_TRUE(connection->Begin().ok());
        ASSERT_TRUE(
            connection->Write({ResultsOf(id, 1, first, first + 9)}).ok());
        ASSERT_TRUE(connection->Commit().ok());
      }
    }
  }
  void Restore() const {
    std::filesystem::copy_file(
        good_, path_, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::remove(path_ + "-wal");
  }

  // What a processor does with it. Whatever comes of that has a text.
  void Use() {
    const auto store = Open();
    if (!store.ok()) return Expect(store.status());
    const auto connected = (*store)->Connect();
    if (!connected.ok()) return Expect(connected.status());
    StoreConnection& connection = **connected;
    for (const std::string& id : ids_) {
      Claim claim = ClaimOf(id);
      claim.received_through = random_() % 35;
      const auto made = connection.ClaimSessions({claim});
      if (!made.ok()) return Expect(made.status());
      const Claimed& claimed = made->front();
      if (!claimed.status.ok()) {
        Expect(claimed.status);
        continue;
      }
      const auto results = ReadOutcomes(
          claimed.outcomes, claim.received_through, claimed.committed_through);
      // Those here are no results.
      if (!results.ok()) Expect(results.status());
      if (!connection.Begin().ok()) return;
      const uint64_t next = claimed.committed_through + 1;
      SessionWrite write = ResultsOf(id, claimed.epoch, next, next);
      write.trim_through = claimed.committed_through;
      const auto written = connection.Write({write});
      if (!written.ok()) return Expect(written.status());
      const absl::Status status = connection.Commit();
      if (!status.ok()) return Expect(status);
      ++used_;
    }
    const auto expired =
        connection.Expire(absl::ZeroDuration(), absl::ZeroDuration(), 10);
    if (!expired.ok()) return Expect(expired.status());
    connection.MeasureSize().IgnoreError();
  }
  void Expect(const absl::Status& status) {
    ++refused_;
    EXPECT_FALSE(status.message().empty()) << status;
  }

  std::string Value() {
    switch (random_() % 6) {
      case 0:
        return absl::StrCat("-", random_() % 3);
      case 1:
        return absl::StrCat(INT64_MAX - static_cast<int64_t>(random_() % 2));
      case 2:
        return absl::StrCat(INT64_MIN + 1);
      case 3:
        return "'text'";
      case 4:
        return absl::StrCat("randomblob(", random_() % 40, ")");
      default:
        return absl::StrCat(random_() % 50);
    }
  }

  const std::vector<std::string> ids_ = {"a", "b", "c"};
  std::mt19937_64 random_{2026};
  std::string path_;
  std::string good_;
  int used_ = 0;
  int refused_ = 0;
};

TEST_F(DamagedStoreTest, RowsMayHoldAnything) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> tables = {
      {"msgproc_sessions",
       {"token_sha256", "principal", "handler", "epoch", "owner", "instance",
        "attempt", "trimmed_through", "last_use", "expired"}},
      {"msgproc_outcomes", {"session", "first", "through", "results"}},
      {"msgproc_meta",
       {"schema_version", "oldest_reader", "encoding", "generation"}}};
  for (int i = 0; i < 300; ++i) {
    Restore();
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    // Those of meta seldom, since nothing else is looked at then.
    const auto& [table, columns] =
        tables[random_() % 10 == 0 ? 2 : random_() % 2];
    const std::string sql = absl::StrCat(
        "UPDATE ", table, " SET ", columns[random_() % columns.size()], " = ",
        Value(), " WHERE rowid % 3 = ", random_() % 3);
    // Not all are taken.
    sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
    ASSERT_EQ(sqlite3_close(database), SQLITE_OK);
    SCOPED_TRACE(sql);
    Use();
  }
  EXPECT_GT(used_, 100);
  EXPECT_GT(refused_, 100);
}

TEST_F(DamagedStoreTest, TheFileMayHoldAnything) {
  const auto size = std::filesystem::file_size(good_);
  for (int i = 0; i < 300; ++i) {
    Restore();
    {
      std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
      for (uint64_t changes = random_() % 64 + 1; changes > 0; --changes) {
        file.seekp(static_cast<int64_t>(random_() % size));
        file.put(static_cast<char>(random_()));
      }
    }
    if (random_() % 8 == 0) {
      std::filesystem::resize_file(path_, random_() % size);
    }
    Use();
  }
  EXPECT_GT(refused_, 50);
}

}  // namespace
}  // namespace msgproc::processor
