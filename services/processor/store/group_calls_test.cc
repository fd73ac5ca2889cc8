// RunGroup: what it asks of its store, and what it spares it.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/transaction.h"
#include "services/processor/store/group_runner.h"
#include "services/processor/store/testing/memory_store.h"
#include "services/processor/testing/function_handler.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Writes down what is asked of a connection, and lets some of it fail.
class WatchedConnection final : public StoreConnection {
 public:
  explicit WatchedConnection(std::unique_ptr<StoreConnection> connection)
      : connection_(std::move(connection)) {}

  int Count(const std::string& call) const {
    return static_cast<int>(std::count(calls_.begin(), calls_.end(), call));
  }
  void FailNext(const std::string& call) { failing_ = call; }

  absl::StatusOr<std::vector<Claimed>> ClaimSessions(
      absl::Span<const Claim> claims) override {
    return connection_->ClaimSessions(claims);
  }
  absl::Status Begin() override { return connection_->Begin(); }
  absl::Status Serialize() override {
    return Told("Serialize", connection_->Serialize());
  }
  Transaction* transaction() override { return connection_->transaction(); }
  absl::Status SetSavepoint() override {
    return Told("SetSavepoint", connection_->SetSavepoint());
  }
  absl::Status RollbackToSavepoint() override {
    return Told("RollbackToSavepoint", connection_->RollbackToSavepoint());
  }
  absl::Status ReleaseSavepoint() override {
    return Told("ReleaseSavepoint", connection_->ReleaseSavepoint());
  }
  absl::StatusOr<std::vector<bool>> Write(
      absl::Span<const SessionWrite> writes) override {
    return connection_->Write(writes);
  }
  absl::Status Commit() override { return connection_->Commit(); }
  void Rollback() override { connection_->Rollback(); }
  absl::StatusOr<uint64_t> Expire(absl::Duration retention,
                                  absl::Duration tombstone_retention,
                                  uint64_t limit) override {
    return connection_->Expire(retention, tombstone_retention, limit);
  }
  absl::StatusOr<bool> Forget(absl::string_view session_id) override {
    return connection_->Forget(session_id);
  }
  absl::StatusOr<Size> MeasureSize() override {
    return connection_->MeasureSize();
  }

 private:
  absl::Status Told(const std::string& call, absl::Status status) {
    calls_.push_back(call);
    if (call != failing_) return status;
    failing_.clear();
    return absl::ResourceExhaustedError("full");
  }

  const std::unique_ptr<StoreConnection> connection_;
  std::vector<std::string> calls_;
  std::string failing_;
};

// A session whose messages nobody waits for any more.
class NobodyWaits final : public BatchOwner {
 public:
  void OnBatchDone(std::unique_ptr<Batch> /*batch*/) override {}
  bool Wants(const Batch& /*batch*/) const override { return false; }
};

// Puts each payload as a key, but for "idle" and "native". What begins with
// "bad", and those two, fail.
class GroupCallsTest : public testing::Test {
 protected:
  GroupCallsTest()
      : store_(&database_, "me"),
        handler_([this](const HandlerContext& context, const Message& message,
                        Reply* /*reply*/) {
          ++calls_;
          const std::string key(message.payload);
          if (key == "native") context.transaction()->native();
          if (key == "native" || key == "idle") {
            return absl::InvalidArgumentError(key);
          }
          auto put = context.transaction()->Execute("put", {key, "done"});
          if (!put.ok()) return put.status();
          return absl::StartsWith(key, "bad") ? absl::InvalidArgumentError(key)
                                              : absl::OkStatus();
        }),
        connection_(*store_.Connect()) {
    binding_.handler = &handler_;
    binding_.max_payload_bytes = 1000;
    for (const char* session : {"a", "b", "c"}) Claim(&store_, session);
  }

  static void Claim(MemoryStore* store, const std::string& session) {
    msgproc::processor::Claim claim;
    claim.session_id = session;
    EXPECT_TRUE(
        (*store->Connect())->ClaimSessions({&claim, 1})->at(0).status.ok());
  }
  static GroupPart Results(const std::string& session) {
    GroupPart part;
    part.write.session_id = session;
    part.write.epoch = 1;
    part.write.touch = true;
    return part;
  }
  GroupPart Work(const std::string& session,
                 const std::vector<std::string>& payloads) {
    GroupPart part;
    part.write.session_id = session;
    part.write.epoch = 1;
    part.work = std::make_unique<Batch>();
    part.work->binding = &binding_;
    part.work->context = std::make_shared<SessionContext>();
    part.work->first_position = 1;
    part.work->size = payloads.size();
    wire::EntryLog log(1);
    for (size_t i = 0; i < payloads.size(); ++i) {
      wire::AppendMessage(&log, 1 + i, payloads[i]);
    }
    auto cursor = log.At(1);
    log.Take(&cursor, UINT64_MAX, SIZE_MAX, &part.work->pieces);
    return part;
  }
  template <typename... Parts>
  absl::Status Run(Parts... parts) {
    parts_.clear();
    (parts_.push_back(std::move(parts)), ...);
    return RunGroup(&connection_, &stop_, &parts_, serialize_);
  }
  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : database_.values()) keys.push_back(key);
    return keys;
  }

  MemoryDatabase database_;
  MemoryStore store_;
  FunctionHandler handler_;
  HandlerBinding binding_;
  WatchedConnection connection_;
  std::vector<GroupPart> parts_;
  std::atomic<bool> stop_{false};
  bool serialize_ = false;
  int calls_ = 0;
};

TEST_F(GroupCallsTest, OnlyHandlersWaitForThoseOfOthersAndOnlyIfTold) {
  ASSERT_TRUE(Run(Work("a", {"x"})).ok());
  EXPECT_EQ(connection_.Count("Serialize"), 0);
  serialize_ = true;
  ASSERT_TRUE(Run(Results("a"), Results("b")).ok());
  EXPECT_EQ(connection_.Count("Serialize"), 0);
  ASSERT_TRUE(Run(Results("a"), Work("b", {"x"})).ok());
  EXPECT_EQ(connection_.Count("Serialize"), 1);
}

TEST_F(GroupCallsTest, SavepointsAreForThoseThatFail) {
  ASSERT_TRUE(Run(Work("a", {"x", "y"})).ok());
  EXPECT_EQ(connection_.Count("SetSavepoint"), 0);
  ASSERT_TRUE(Run(Work("b", {"bad", "z"}), Work("c", {"w"})).ok());
  EXPECT_EQ(connection_.Count("SetSavepoint"), 2);
  EXPECT_EQ(connection_.Count("RollbackToSavepoint"), 1);
  EXPECT_EQ(connection_.Count("ReleaseSavepoint"), 2);
  EXPECT_THAT(Keys(), ElementsAre("w", "x", "y", "z"));
}

TEST_F(GroupCallsTest, WhatFailsWithoutHavingDoneAnythingNeedsNoUndoing) {
  ASSERT_TRUE(Run(Work("a", {"idle", "x", "idle"})).ok());
  // Each was called once, and stands.
  EXPECT_EQ(calls_, 3);
  EXPECT_EQ(connection_.Count("SetSavepoint"), 0);
  EXPECT_EQ(database_.committed_through("a"), 3U);
  EXPECT_THAT(Keys(), ElementsAre("x"));
}

TEST_F(GroupCallsTest, WhoTookTheStoresOwnHandleMayHaveDoneSomething) {
  ASSERT_TRUE(Run(Work("a", {"native", "x"})).ok());
  EXPECT_EQ(connection_.Count("RollbackToSavepoint"), 1);
  EXPECT_EQ(database_.committed_through("a"), 2U);
}

TEST_F(GroupCallsTest, ASavepointThatFailsIsTheStoresError) {
  for (const char* call :
       {"SetSavepoint", "RollbackToSavepoint", "ReleaseSavepoint"}) {
    connection_.FailNext(call);
    EXPECT_TRUE(absl::IsResourceExhausted(Run(Work("a", {"bad", "x"}))))
        << call;
    EXPECT_THAT(Keys(), IsEmpty()) << call;
    EXPECT_EQ(database_.committed_through("a"), 0U) << call;
  }
}

TEST_F(GroupCallsTest, WhatNobodyWantsAnyMoreIsLeftOut) {
  const NobodyWaits nobody;
  GroupPart unwanted = Work("a", {"unwanted"});
  unwanted.work->waiting = &nobody;
  ASSERT_TRUE(
      Run(Work("b", {"x"}), std::move(unwanted), Work("c", {"y"})).ok());
  EXPECT_FALSE(parts_[0].dropped);
  EXPECT_TRUE(parts_[1].dropped);
  EXPECT_FALSE(parts_[2].dropped);
  EXPECT_THAT(Keys(), ElementsAre("x", "y"));
  EXPECT_EQ(database_.committed_through("a"), 0U);
}

TEST_F(GroupCallsTest, WhenOneIsFencedAllOthersAreWrittenAgain) {
  MemoryStore other(&database_, "other");
  Claim(&other, "c");
  ASSERT_TRUE(Run(Work("a", {"x"}), Results("b"), Work("c", {"z"})).ok());
  EXPECT_FALSE(parts_[0].fenced);
  EXPECT_FALSE(parts_[1].fenced);
  EXPECT_TRUE(parts_[2].fenced);
  EXPECT_EQ(parts_[1].write.session_id, "b");
  EXPECT_EQ(parts_[2].write.session_id, "c");
  EXPECT_THAT(Keys(), ElementsAre("x"));
}

TEST_F(GroupCallsTest, AfterAStopTheConnectionIsGoodForMore) {
  stop_ = true;
  EXPECT_TRUE(absl::IsCancelled(Run(Work("a", {"x"}))));
  stop_ = false;
  ASSERT_TRUE(Run(Work("a", {"x"})).ok());
  EXPECT_THAT(Keys(), ElementsAre("x"));
}

}  // namespace
}  // namespace msgproc::processor
