#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/store/open_store.h"
#include "services/processor/store/testing/cut_relay.h"
#include "services/processor/store/testing/postgres_cluster.h"
#include "services/processor/store/testing/session_store_contract.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;

constexpr int kCuts = 100;

class PostgresLostCommitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PostgresCluster* const cluster = PostgresCluster::Shared();
    if (cluster == nullptr) GTEST_SKIP() << "PostgreSQL is not installed";
    const std::string directory = cluster->directory() + "/relay";
    std::filesystem::create_directory(directory);
    const std::string socket = "/.s.PGSQL.5432";
    std::filesystem::remove(directory + socket);
    relay_ = std::make_unique<CutRelay>(directory + socket,
                                        cluster->directory() + socket);
    const auto escaped = [](const std::string& path) {
      return absl::StrReplaceAll(path, {{"/", "%2F"}});
    };
    const std::string url = absl::StrReplaceAll(
        cluster->FreshUrl(),
        {{escaped(cluster->directory()), escaped(directory)}});
    auto store = OpenSessionStore({.url = url, .owner = "me"});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    Connect();
    ASSERT_TRUE(connection_->Begin().ok());
    Execute("CREATE TABLE effects (sequence bigint PRIMARY KEY)");
    ASSERT_TRUE(connection_->Write({}).ok());
    ASSERT_TRUE(connection_->Commit().ok());
    epoch_ = connection_->ClaimSessions({ClaimOf("s")})->front().epoch;
  }

  void Connect() {
    // The relay takes one at a time.
    connection_.reset();
    auto connection = store_->Connect();
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
  }
  void Execute(absl::string_view sql,
               std::initializer_list<SqlValue> values = {}) {
    const auto rows = connection_->transaction()->Execute(sql, values);
    ASSERT_TRUE(rows.ok()) << rows.status();
  }
  // A message and its effect, cut off at COMMIT.
  void LoseCommit(uint64_t sequence, CutRelay::Cut cut) {
    ASSERT_TRUE(connection_->Begin().ok());
    Execute("INSERT INTO effects VALUES ($1)",
            {static_cast<int64_t>(sequence)});
    ASSERT_THAT(
        *connection_->Write({ResultsOf("s", epoch_, sequence, sequence)}),
        ElementsAre(true));
    relay_->set_cut(cut);
    const absl::Status status = connection_->Commit();
    EXPECT_TRUE(absl::IsUnknown(status)) << status;
    relay_->set_cut(CutRelay::Cut::kNever);
  }
  // As the store tells it on a new connection.
  uint64_t CommittedThrough() {
    Connect();
    Claim anew = ClaimOf("s");
    anew.epoch = epoch_;
    anew.anew = true;
    const Claimed claimed = connection_->ClaimSessions({anew})->front();
    EXPECT_TRUE(claimed.status.ok()) << claimed.status;
    EXPECT_EQ(claimed.epoch, epoch_ + 1);
    epoch_ = claimed.epoch;
    return claimed.committed_through;
  }
  int64_t Effects() {
    EXPECT_TRUE(connection_->Begin().ok());
    const auto rows =
        connection_->transaction()->Execute("SELECT count(*) FROM effects");
    connection_->Rollback();
    return std::get<int64_t>(rows->at(0).at(0));
  }

  std::unique_ptr<CutRelay> relay_;
  std::unique_ptr<SessionStore> store_;
  std::unique_ptr<StoreConnection> connection_;
  uint64_t epoch_ = 0;
};

TEST_F(PostgresLostCommitTest, ACommitThatDidNotArriveDidNotHappen) {
  for (int cut = 1; cut <= kCuts; ++cut) {
    LoseCommit(1, CutRelay::Cut::kBefore);
    ASSERT_EQ(CommittedThrough(), 0u);
    ASSERT_EQ(Effects(), 0);
  }
}

TEST_F(PostgresLostCommitTest, ACommitWhoseAnswerWasLostDid) {
  for (uint64_t cut = 1; cut <= kCuts; ++cut) {
    LoseCommit(cut, CutRelay::Cut::kAfter);
    ASSERT_EQ(CommittedThrough(), cut);
    ASSERT_EQ(Effects(), static_cast<int64_t>(cut));
  }
}

}  // namespace
}  // namespace msgproc::processor
