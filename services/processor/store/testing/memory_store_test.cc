#include "services/processor/store/testing/memory_store.h"

#include <cstdint>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/store/testing/session_store_contract.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using Call = MemoryDatabase::Call;

class MemoryUnderTest : public StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<SessionStore>> Open(
      const std::string& owner, bool renew_generation) override {
    if (renew_generation) database_.Restore(*database_.MakeBackup(), "another");
    return std::make_unique<MemoryStore>(&database_, owner);
  }
  void Pass(absl::Duration duration) override { database_.Advance(duration); }
  std::string put() const override { return "put"; }
  std::string insert() const override { return "insert"; }
  std::string get() const override { return "get"; }

 private:
  MemoryDatabase database_;
};

std::unique_ptr<StoreUnderTest> MakeMemoryUnderTest() {
  return std::make_unique<MemoryUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Memory, SessionStoreContractTest,
                         ::testing::Values(&MakeMemoryUnderTest));

class MemoryStoreTest : public ::testing::Test {
 protected:
  MemoryStoreTest() : store_(&database_, "me") { Connect(); }

  void Connect() { connection_ = *store_.Connect(); }
  // Puts a value, and the session's next result, up to Commit.
  absl::Status CommitNext(uint64_t sequence) {
    if (auto status = connection_->Begin(); !status.ok()) return status;
    auto rows = connection_->transaction()->Execute("put", {"key", "value"});
    if (!rows.ok()) return rows.status();
    auto written = connection_->Write({ResultsOf("s", 1, sequence, sequence)});
    if (!written.ok()) return written.status();
    return connection_->Commit();
  }

  MemoryDatabase database_;
  MemoryStore store_;
  std::unique_ptr<StoreConnection> connection_;
};

TEST_F(MemoryStoreTest, ACallFailsAsItIsTold) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  database_.FailNext(Call::kBegin, absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(CommitNext(1)));
  database_.FailNext(Call::kWrite, absl::AbortedError("deadlock"));
  EXPECT_TRUE(absl::IsAborted(CommitNext(1)));
  database_.FailNext(Call::kCommit, absl::AbortedError("deadlock"));
  EXPECT_TRUE(absl::IsAborted(CommitNext(1)));
  database_.FailNext(Call::kClaim, absl::AbortedError("deadlock"));
  EXPECT_TRUE(
      absl::IsAborted(connection_->ClaimSessions({ClaimOf("s")}).status()));
  EXPECT_EQ(database_.commits(), 0u);
  EXPECT_TRUE(database_.values().empty());
  EXPECT_TRUE(CommitNext(1).ok());
  EXPECT_EQ(database_.commits(), 1u);
  EXPECT_EQ(database_.committed_through("s"), 1u);
}

TEST_F(MemoryStoreTest, AfterUnavailableTheConnectionIsGone) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  database_.FailNext(Call::kWrite, absl::UnavailableError("gone"));
  EXPECT_TRUE(absl::IsUnavailable(CommitNext(1)));
  EXPECT_TRUE(absl::IsUnavailable(CommitNext(1)));
  database_.FailNext(Call::kConnect, absl::UnavailableError("still gone"));
  EXPECT_TRUE(absl::IsUnavailable(store_.Connect().status()));
  Connect();
  EXPECT_TRUE(CommitNext(1).ok());
}

TEST_F(MemoryStoreTest, ALostCommitTookEffectOrNot) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  database_.LoseNextCommit(/*takes_effect=*/false);
  EXPECT_TRUE(absl::IsUnknown(CommitNext(1)));
  EXPECT_EQ(database_.committed_through("s"), 0u);
  Connect();
  database_.LoseNextCommit(/*takes_effect=*/true);
  EXPECT_TRUE(absl::IsUnknown(CommitNext(1)));
  EXPECT_EQ(database_.committed_through("s"), 1u);
  EXPECT_EQ(database_.values().at("key"), "value");
}

TEST_F(MemoryStoreTest, ARowIsLockedUntilItsTransactionEnds) {
  database_.set_lock_timeout(absl::ZeroDuration());
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_THAT(*connection_->Write({ResultsOf("s", 1, 1, 1)}),
              ElementsAre(true));
  MemoryStore other(&database_, "other");
  const auto theirs = *other.Connect();
  EXPECT_TRUE(absl::IsAborted(theirs->ClaimSessions({ClaimOf("s")}).status()));
  ASSERT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(theirs->ClaimSessions({ClaimOf("s")})->front().epoch, 2u);
}

TEST_F(MemoryStoreTest, ABackupTakesAllBack) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  ASSERT_TRUE(CommitNext(1).ok());
  const auto backup = database_.MakeBackup();
  ASSERT_TRUE(CommitNext(2).ok());
  database_.Restore(*backup, "restored");
  EXPECT_EQ(database_.committed_through("s"), 1u);
  EXPECT_EQ(MemoryStore(&database_, "me").generation(), "restored");
}

TEST_F(MemoryStoreTest, ItsClockIsTheTests) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("s")}).ok());
  database_.Advance(absl::Hours(1));
  EXPECT_EQ(*connection_->Expire(absl::Hours(2), absl::Hours(2), 9), 0u);
  database_.Advance(absl::Hours(1));
  EXPECT_EQ(*connection_->Expire(absl::Hours(2), absl::Hours(2), 9), 1u);
  EXPECT_TRUE(database_.HasSession("s"));
  database_.Advance(absl::Hours(2));
  EXPECT_EQ(*connection_->Expire(absl::Hours(2), absl::Hours(2), 9), 1u);
  EXPECT_FALSE(database_.HasSession("s"));
}

}  // namespace
}  // namespace msgproc::processor
