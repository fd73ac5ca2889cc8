#include "services/processor/store/group_runner.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/handlers/transaction.h"
#include "services/processor/store/testing/memory_store.h"
#include "services/processor/testing/frames.h"
#include "services/processor/testing/function_handler.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::SizeIs;

// Puts each payload as a key; what it makes of "bad…" fails, after it was put.
class GroupRunnerTest : public testing::Test {
 protected:
  GroupRunnerTest()
      : store_(&database_, "me"),
        handler_([this](const HandlerContext& context, const Message& message,
                        Reply* reply) {
          ++calls_;
          const std::string key =
              context.session().session_id + "/" + std::string(message.payload);
          auto put = context.transaction()->Execute("insert", {key, "done"});
          if (!put.ok()) return swallow_ ? absl::OkStatus() : put.status();
          *reply->mutable_payload() = "put " + key;
          return message.payload.substr(0, 3) == "bad"
                     ? absl::InvalidArgumentError("bad")
                     : absl::OkStatus();
        }),
        connection_(*store_.Connect()) {
    binding_.handler = &handler_;
    binding_.max_payload_bytes = 1000;
    for (const char* session : {"a", "b", "c"}) {
      Claim claim;
      claim.session_id = session;
      EXPECT_TRUE(connection_->ClaimSessions({&claim, 1})->at(0).status.ok());
    }
    before_ = database_.MakeBackup();
  }

  GroupPart Work(const std::string& session,
                 const std::vector<std::string>& payloads, uint64_t first = 1) {
    GroupPart part;
    part.write.session_id = session;
    part.write.epoch = 1;
    part.work = std::make_unique<Batch>();
    part.work->binding = &binding_;
    auto context = std::make_shared<SessionContext>();
    context->session_id = session;
    part.work->context = context;
    part.work->first_position = first;
    part.work->size = payloads.size();
    wire::EntryLog log(first);
    for (size_t i = 0; i < payloads.size(); ++i) {
      wire::AppendMessage(&log, first + i, payloads[i]);
    }
    auto cursor = log.At(first);
    log.Take(&cursor, UINT64_MAX, SIZE_MAX, &part.work->pieces);
    return part;
  }

  // Another process claims the session.
  void TakeOver(const std::string& session) {
    MemoryStore other(&database_, "other");
    Claim claim;
    claim.session_id = session;
    ASSERT_TRUE(
        (*other.Connect())->ClaimSessions({&claim, 1})->at(0).status.ok());
  }

  absl::Status Run(std::vector<GroupPart>* parts) {
    return RunGroup(connection_.get(), nullptr, parts);
  }

  static std::vector<bool> Failed(const GroupPart& part) {
    v1::ProcessResponse response;
    EXPECT_TRUE(response.ParseFromString(part.write.results));
    std::vector<bool> failed;
    for (const v1::Result& result : response.results()) {
      failed.push_back(result.has_error());
    }
    return failed;
  }

  MemoryDatabase database_;
  MemoryStore store_;
  FunctionHandler handler_;
  HandlerBinding binding_;
  std::unique_ptr<StoreConnection> connection_;
  // The sessions are claimed, and nothing is done.
  std::shared_ptr<const MemoryDatabase::Backup> before_;
  std::atomic<int> calls_{0};
  bool swallow_ = false;
};

TEST_F(GroupRunnerTest, EffectsAndResultsAreCommittedTogether) {
  std::vector<GroupPart> parts;
  parts.push_back(Work("a", {"x", "y"}));
  parts.push_back(Work("b", {"x"}));
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_THAT(database_.values(), SizeIs(3));
  EXPECT_EQ(database_.committed_through("a"), 2u);
  EXPECT_EQ(database_.committed_through("b"), 1u);
  EXPECT_EQ(database_.commits(), 1u);
  EXPECT_EQ(Failed(parts[0]), (std::vector<bool>{false, false}));
  EXPECT_EQ(calls_, 3);
}

TEST_F(GroupRunnerTest, AMessageThatFailsIsUndoneAloneAndItsErrorStands) {
  std::vector<GroupPart> parts;
  parts.push_back(Work("a", {"x", "bad", "z"}));
  parts.push_back(Work("b", {"x"}));
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_EQ(Failed(parts[0]), (std::vector<bool>{false, true, false}));
  EXPECT_THAT(database_.values(), SizeIs(3));
  EXPECT_THAT(database_.values(), Not(Contains(Key("a/bad"))));
  EXPECT_EQ(database_.committed_through("a"), 3u);
  // Up to the bad one, and then all again.
  EXPECT_EQ(calls_, 6);
}

TEST_F(GroupRunnerTest, ManyThatFailAreRunThreeTimesAtMost) {
  std::vector<GroupPart> parts;
  for (const char* session : {"a", "b", "c"}) {
    parts.push_back(Work(session, {"bad", "x"}));
  }
  ASSERT_TRUE(Run(&parts).ok());
  for (const GroupPart& part : parts) {
    EXPECT_EQ(Failed(part), (std::vector<bool>{true, false}));
  }
  EXPECT_THAT(database_.values(), SizeIs(3));
  EXPECT_EQ(calls_, 1 + 3 + 6);
}

TEST_F(GroupRunnerTest, AnErrorThatIsSwallowedIsAnErrorAllTheSame) {
  swallow_ = true;
  std::vector<GroupPart> parts;
  parts.push_back(Work("a", {"x", "x", "y"}));
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_EQ(Failed(parts[0]), (std::vector<bool>{false, true, false}));
  EXPECT_THAT(database_.values(), SizeIs(2));
}

TEST_F(GroupRunnerTest, WhatAFencedSessionDidIsUndone) {
  TakeOver("a");
  std::vector<GroupPart> parts;
  parts.push_back(Work("a", {"x"}));
  parts.push_back(Work("b", {"x"}));
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_TRUE(parts[0].fenced);
  EXPECT_FALSE(parts[1].fenced);
  EXPECT_THAT(database_.values(),
              testing::ElementsAre(testing::Pair("b/x", "done")));
  EXPECT_EQ(database_.committed_through("a"), 0u);
  EXPECT_EQ(database_.committed_through("b"), 1u);
}

// Results that a worker has made, each with what it does to the store.
class GroupEffectsTest : public GroupRunnerTest {
 protected:
  // Each message inserts its keys, one statement each; none: it has no effects.
  static GroupPart Results(const std::string& session,
                           const std::vector<std::vector<std::string>>& keys,
                           uint64_t first = 1) {
    GroupPart part;
    part.write.session_id = session;
    part.write.epoch = 1;
    part.write.first = first;
    part.write.through = first + keys.size() - 1;
    v1::ProcessResponse response;
    for (uint64_t i = 0; i < keys.size(); ++i) {
      v1::Result* result = response.add_results();
      result->set_sequence(first + i);
      result->set_payload("result of " + std::to_string(first + i));
      if (keys[i].empty()) continue;
      MessageEffects effects;
      effects.sequence = first + i;
      for (const std::string& key : keys[i]) {
        effects.statements.push_back(
            {.sql = "insert", .parameters = {key, "done"}});
      }
      part.write.effects.push_back(
          std::make_shared<const MessageEffects>(std::move(effects)));
    }
    part.write.results = response.SerializeAsString();
    return part;
  }
  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : database_.values()) keys.push_back(key);
    return keys;
  }
};

TEST_F(GroupEffectsTest, AreCommittedWithTheirResults) {
  std::vector<GroupPart> parts;
  parts.push_back(Results("a", {{"a1", "a2"}, {}, {"a3"}}));
  parts.push_back(Results("b", {{}, {"b2"}}));
  const std::string given = parts[0].write.results;
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_THAT(Keys(), ElementsAre("a1", "a2", "a3", "b2"));
  EXPECT_EQ(database_.committed_through("a"), 3u);
  EXPECT_EQ(database_.committed_through("b"), 2u);
  EXPECT_EQ(database_.commits(), 1u);
  EXPECT_EQ(parts[0].write.results, given);
  EXPECT_FALSE(parts[0].write.amended);
}

TEST_F(GroupEffectsTest, OneThatFailsMakesAnErrorAndUndoesItsMessageAlone) {
  std::vector<GroupPart> parts;
  parts.push_back(Results("a", {{"a1"}, {"gone", "a1", "never"}, {"a3"}}));
  parts.push_back(Results("b", {{"b1"}}));
  const std::string given = parts[0].write.results;
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_THAT(Keys(), ElementsAre("a1", "a3", "b1"));
  EXPECT_TRUE(parts[0].write.amended);
  EXPECT_EQ(parts[0].given_results, given);
  EXPECT_EQ(Failed(parts[0]), (std::vector<bool>{false, true, false}));
  v1::ProcessResponse response;
  ASSERT_TRUE(response.ParseFromString(parts[0].write.results));
  EXPECT_EQ(response.results(1).sequence(), 2u);
  EXPECT_EQ(response.results(1).error().code(), 6);
  EXPECT_THAT(response.results(1).error().message(),
              HasSubstr("Statement 2 of the message's worker failed: the key"));
  EXPECT_EQ(response.results(2).payload(), "result of 3");
  EXPECT_FALSE(parts[1].write.amended);
  EXPECT_EQ(database_.committed_through("a"), 3u);
}

TEST_F(GroupEffectsTest, RunBesideHandlers) {
  std::vector<GroupPart> parts;
  parts.push_back(Work("a", {"x", "bad"}));
  parts.push_back(Results("b", {{"b1"}, {"b1"}}));
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_THAT(Keys(), ElementsAre("a/x", "b1"));
  EXPECT_EQ(Failed(parts[0]), (std::vector<bool>{false, true}));
  EXPECT_EQ(Failed(parts[1]), (std::vector<bool>{false, true}));
}

TEST_F(GroupEffectsTest, OfAFencedSessionAreUndone) {
  TakeOver("a");
  std::vector<GroupPart> parts;
  parts.push_back(Results("a", {{"a1"}}));
  parts.push_back(Results("b", {{"b1"}}));
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_TRUE(parts[0].fenced);
  EXPECT_FALSE(parts[1].fenced);
  EXPECT_THAT(Keys(), ElementsAre("b1"));
}

TEST_F(GroupEffectsTest, AreJudgedAnewWhenTheStoreHadFailed) {
  std::vector<GroupPart> parts;
  parts.push_back(Results("a", {{"taken"}, {"a2"}}));
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(connection_->transaction()->Execute("put", {"taken", "x"}).ok());
  ASSERT_TRUE(connection_->Write({}).ok());
  ASSERT_TRUE(connection_->Commit().ok());
  const std::string given = parts[0].write.results;
  database_.FailNext(MemoryDatabase::Call::kCommit,
                     absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(Run(&parts)));
  EXPECT_TRUE(parts[0].write.amended);
  EXPECT_THAT(Keys(), ElementsAre("taken"));
  // What was in the way is gone when it is tried again.
  database_.Restore(*before_, "generation-1");
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_FALSE(parts[0].write.amended);
  EXPECT_EQ(parts[0].write.results, given);
  EXPECT_THAT(Keys(), ElementsAre("a2", "taken"));
  EXPECT_EQ(database_.values().at("taken"), "done");
}

TEST_F(GroupEffectsTest, AStopGivesUpWithoutATrace) {
  std::atomic<bool> stop{true};
  std::vector<GroupPart> parts;
  parts.push_back(Results("a", {{"a1"}}));
  EXPECT_TRUE(absl::IsCancelled(RunGroup(connection_.get(), &stop, &parts)));
  EXPECT_THAT(Keys(), IsEmpty());
  EXPECT_EQ(database_.committed_through("a"), 0u);
}

TEST_F(GroupRunnerTest, AGroupOfOneThatIsFencedLeavesNothingToCommit) {
  TakeOver("a");
  std::vector<GroupPart> parts;
  parts.push_back(Work("a", {"x"}));
  ASSERT_TRUE(Run(&parts).ok());
  EXPECT_TRUE(parts[0].fenced);
  EXPECT_EQ(database_.commits(), 0u);
  EXPECT_THAT(database_.values(), SizeIs(0));
}

TEST_F(GroupRunnerTest, TheStoresErrorsAreNobodysResults) {
  uint64_t done = 0;
  for (const auto call :
       {MemoryDatabase::Call::kBegin, MemoryDatabase::Call::kExecute,
        MemoryDatabase::Call::kWrite, MemoryDatabase::Call::kCommit}) {
    database_.FailNext(call, absl::ResourceExhaustedError("full"));
    std::vector<GroupPart> parts;
    parts.push_back(Work("a", {"x" + std::to_string(done)}, done + 1));
    EXPECT_TRUE(absl::IsResourceExhausted(Run(&parts)));
    EXPECT_THAT(database_.values(), SizeIs(done));
    EXPECT_EQ(database_.committed_through("a"), done);
    // The same part goes through once it works again.
    ASSERT_TRUE(Run(&parts).ok());
    ++done;
    EXPECT_THAT(database_.values(), SizeIs(done));
    EXPECT_EQ(database_.committed_through("a"), done);
  }
}

TEST_F(GroupRunnerTest, AStopGivesUpWithoutATrace) {
  std::atomic<bool> stop{true};
  std::vector<GroupPart> parts;
  parts.push_back(Work("a", {"x"}));
  EXPECT_TRUE(absl::IsCancelled(RunGroup(connection_.get(), &stop, &parts)));
  EXPECT_THAT(database_.values(), SizeIs(0));
}

}  // namespace
}  // namespace msgproc::processor
