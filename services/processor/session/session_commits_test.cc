#include "services/processor/session/session_commits.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/store/failed_results.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kPlenty = 1 << 20;

SharedEffects EffectsOf(uint64_t sequence, size_t bytes = 10) {
  MessageEffects effects;
  effects.sequence = sequence;
  effects.statements.push_back({.sql = "UPDATE"});
  effects.bytes = bytes;
  return std::make_shared<const MessageEffects>(std::move(effects));
}

std::vector<uint64_t> Sequences(const std::vector<SharedEffects>& effects) {
  std::vector<uint64_t> sequences;
  for (const SharedEffects& each : effects) sequences.push_back(each->sequence);
  return sequences;
}

// A session whose worker answers every message, with effects of some.
class SessionCommitsTest : public testing::Test {
 protected:
  SessionCommitsTest()
      : session_(Session::Kind::kStored, {.max_result_bytes = 4000}),
        commits_({.session_id = "s"}, {.epoch = 3}, absl::UnixEpoch(),
                 absl::Hours(1)) {
    session_.Open(0);
  }

  void Accept(uint64_t first, uint64_t count) {
    const TestFrame frame(Messages(first, count));
    session_.Accept(frame->messages, absl::UnixEpoch());
    session_.Enqueue(frame->messages);
  }
  Session::Run Dispatch(uint64_t messages) {
    std::vector<wire::Piece> pieces;
    return session_.NextBatch(100, messages, kPlenty, &pieces);
  }
  bool Complete(const Session::Run& run, std::vector<SharedEffects> effects) {
    wire::EntryLog results;
    for (uint64_t i = 0; i < run.size; ++i) {
      wire::AppendResult(&results, run.first_position + i,
                         PayloadOf(run.first_position + i));
    }
    return session_.Complete(run, &results, &effects);
  }
  // Messages from `first` on, answered in one batch.
  void Answer(uint64_t first, uint64_t count,
              std::vector<SharedEffects> effects = {}) {
    Accept(first, count);
    EXPECT_TRUE(Complete(Dispatch(count), std::move(effects)));
  }
  SessionWrite Take(size_t max_bytes = kPlenty) {
    return commits_.Take(&session_, max_bytes, /*with_results=*/true);
  }
  bool OnCommitted(const SessionWrite& write) {
    return commits_.OnCommitted(&session_, write, write.epoch);
  }
  // What the client gets: payloads, and "!" for an Error.
  std::vector<std::string> Results() {
    std::vector<wire::Piece> pieces;
    session_.TakeResults(kPlenty, &pieces);
    const v1::ProcessResponse response = Decode(&pieces);
    std::vector<std::string> results;
    for (const v1::Result& result : response.results()) {
      results.push_back(result.has_error() ? "!" : result.payload());
    }
    return results;
  }

  Session session_;
  SessionCommits commits_;
};

TEST_F(SessionCommitsTest, EffectsTravelWithTheirResultsInOrderOfSequence) {
  Accept(1, 4);
  const Session::Run first = Dispatch(2);
  const Session::Run second = Dispatch(2);
  ASSERT_TRUE(Complete(second, {EffectsOf(3), EffectsOf(4)}));
  EXPECT_FALSE(Take().has_results());
  ASSERT_TRUE(Complete(first, {EffectsOf(2)}));
  const SessionWrite write = Take();
  EXPECT_EQ(write.through, 4u);
  EXPECT_THAT(Sequences(write.effects), ElementsAre(2, 3, 4));
}

TEST_F(SessionCommitsTest, WhatWasNotCommittedIsGivenAgainWithItsEffects) {
  Answer(1, 2, {EffectsOf(1)});
  const SessionWrite lost = Take();
  commits_.OnNotCommitted(&session_, lost, lost.epoch);
  const SessionWrite write = Take();
  EXPECT_EQ(write.results, lost.results);
  EXPECT_THAT(Sequences(write.effects), ElementsAre(1));
  EXPECT_FALSE(OnCommitted(write));
  EXPECT_THAT(Take().effects, IsEmpty());
}

TEST_F(SessionCommitsTest, MoreThanOneCommitMayHaveIsAskedForAgain) {
  Answer(1, 3, {EffectsOf(1, 50), EffectsOf(2, 60), EffectsOf(3, 40)});
  SessionWrite write = Take(/*max_bytes=*/100);
  EXPECT_EQ(write.through, 1u);
  EXPECT_TRUE(OnCommitted(write));
  write = Take(100);
  EXPECT_EQ(write.through, 3u);
  EXPECT_THAT(Sequences(write.effects), ElementsAre(2, 3));
  EXPECT_FALSE(OnCommitted(write));
}

TEST_F(SessionCommitsTest, ResultsBeyondOneCommitAreAskedForAgain) {
  Answer(1, 3);
  const SessionWrite write = Take(/*max_bytes=*/1);
  EXPECT_EQ(write.through, 1u);
  EXPECT_TRUE(OnCommitted(write));
  EXPECT_TRUE(OnCommitted(Take(1)));
  EXPECT_FALSE(OnCommitted(Take(1)));
}

TEST_F(SessionCommitsTest, TheClientGetsTheErrorThatTheStoreHasCommitted) {
  Answer(1, 3, {EffectsOf(2)});
  // Ready behind them, and not with the store.
  SessionWrite write = Take();
  Answer(4, 2, {EffectsOf(5)});
  write.results =
      WithFailures(write.results, {{2, absl::AlreadyExistsError("taken")}});
  write.amended = true;
  OnCommitted(write);
  EXPECT_THAT(Results(), ElementsAre(PayloadOf(1), "!", PayloadOf(3)));
  write = Take();
  EXPECT_EQ(write.first, 4u);
  EXPECT_THAT(Sequences(write.effects), ElementsAre(5));
  OnCommitted(write);
  EXPECT_THAT(Results(), ElementsAre(PayloadOf(4), PayloadOf(5)));
}

TEST_F(SessionCommitsTest, AnAmendedResultIsSentAgainToWhoLacksIt) {
  Answer(1, 2);
  OnCommitted(Take());
  EXPECT_THAT(Results(), ElementsAre(PayloadOf(1), PayloadOf(2)));
  Answer(3, 1, {EffectsOf(3)});
  SessionWrite write = Take();
  write.results =
      WithFailures(write.results, {{3, absl::AlreadyExistsError("taken")}});
  write.amended = true;
  OnCommitted(write);
  EXPECT_THAT(Results(), ElementsAre("!"));
  session_.Open(1);
  EXPECT_THAT(Results(), ElementsAre(PayloadOf(2), "!"));
}

TEST_F(SessionCommitsTest, EffectsCountAsHeldUntilTheyAreCommitted) {
  const size_t before = session_.bytes();
  Answer(1, 1, {EffectsOf(1, 5000)});
  EXPECT_GT(session_.bytes(), before + 5000);
  EXPECT_GT(session_.result_bytes(), 5000u);
  Accept(2, 1);
  // Handlers wait, as with results of that size.
  EXPECT_FALSE(session_.CanProcess());
  OnCommitted(Take());
  EXPECT_LT(session_.result_bytes(), 5000u);
  EXPECT_TRUE(session_.CanProcess());
}

TEST_F(SessionCommitsTest, AFencedSessionDropsItsEffects) {
  Accept(1, 2);
  const Session::Run late = Dispatch(1);
  ASSERT_TRUE(Complete(Dispatch(1), {EffectsOf(2, 5000)}));
  commits_.OnFenced();
  session_.Restart(2);
  EXPECT_LT(session_.bytes(), 5000u);
  EXPECT_FALSE(Complete(late, {EffectsOf(1, 5000)}));
  EXPECT_LT(session_.bytes(), 5000u);
  EXPECT_THAT(Take().effects, IsEmpty());
}

TEST_F(SessionCommitsTest, WhatAWorkerHasCommittedIsComparedAndAsAWhole) {
  Answer(1, 3);
  commits_.OnWorkerCommitted(2);
  // The third is this process's own, and is written.
  SessionWrite write = Take(/*max_bytes=*/1);
  EXPECT_TRUE(write.by_worker);
  EXPECT_EQ(write.through, 2u);
  EXPECT_TRUE(OnCommitted(write));
  write = Take();
  EXPECT_FALSE(write.by_worker);
  EXPECT_EQ(write.first, 3u);
  EXPECT_FALSE(OnCommitted(write));
  EXPECT_FALSE(Take().by_worker);
}

TEST_F(SessionCommitsTest, AClaimMadeAnewHoldsAndLateNewsOfTheOldOneDoNot) {
  Answer(1, 1);
  const SessionWrite before = Take();
  const Claim claim = commits_.BeginReclaim(session_);
  EXPECT_TRUE(claim.anew);
  EXPECT_EQ(claim.epoch, 3u);
  EXPECT_TRUE(commits_.WasReclaimed(before));
  commits_.OnReclaimed(4);
  EXPECT_EQ(commits_.epoch(), 4u);
  // It was refused for the claim's sake, and is written under the new one.
  EXPECT_TRUE(commits_.WasReclaimed(before));
  commits_.OnNotCommitted(&session_, before, before.epoch);
  EXPECT_EQ(commits_.epoch(), 4u);
  const SessionWrite after = Take();
  EXPECT_EQ(after.epoch, 4u);
  EXPECT_EQ(after.results, before.results);
  EXPECT_FALSE(commits_.WasReclaimed(after));
  EXPECT_FALSE(commits_.OnCommitted(&session_, after, 3));
  EXPECT_EQ(commits_.epoch(), 4u);
}

TEST_F(SessionCommitsTest, MessagesThatWereGivenBackAreProcessedFirst) {
  Accept(1, 5);
  std::vector<wire::Piece> pieces;
  Session::Run run = session_.NextBatch(1, 3, kPlenty, &pieces);
  // Of three the first was handled.
  wire::EntryLog sent;
  for (const uint64_t sequence : {2, 3}) {
    wire::AppendMessage(&sent, sequence, PayloadOf(sequence));
  }
  std::vector<wire::Piece> rest;
  auto cursor = sent.At(1);
  sent.Take(&cursor, UINT64_MAX, SIZE_MAX, &rest);
  run.size = 1;
  session_.TakeBack(run, rest);
  ASSERT_TRUE(Complete(run, {}));
  EXPECT_FALSE(session_.AllCommitted());
  OnCommitted(Take());
  EXPECT_TRUE(session_.AllCommitted());
  EXPECT_EQ(session_.pending_messages(), 4u);
  pieces.clear();
  run = session_.NextBatch(1, 10, kPlenty, &pieces);
  EXPECT_EQ(run.first_position, 2u);
  EXPECT_THAT(processor::Sequences(DecodeMessages(pieces)),
              ElementsAre(2, 3, 4, 5));
  // Those of a life before are of no interest.
  session_.Restart(5);
  session_.TakeBack(run, rest);
  EXPECT_EQ(session_.pending_messages(), 0u);
}

TEST_F(SessionCommitsTest, ABatchIsReckonedByItsStatements) {
  Batch batch;
  EXPECT_EQ(SessionCommits::LoadOf(batch).work, absl::ZeroDuration());
  batch.effects = {EffectsOf(1, 30), EffectsOf(2, 12)};
  wire::AppendResult(&batch.results, 1, "r");
  const GroupCommit::Load load = SessionCommits::LoadOf(batch);
  EXPECT_EQ(load.bytes, batch.results.bytes() + 42);
  EXPECT_EQ(load.work, absl::Microseconds(40));
}

TEST_F(SessionCommitsTest, WhatAWorkerDiedOverIsWrittenWithTheNextCommit) {
  Answer(1, 2);
  commits_.OnWorkerDied({.begun = 2, .deaths = 1, .behind = 4});
  // One message has it, and it is the one with the most.
  commits_.OnWorkerDied({.begun = 3, .deaths = 2, .behind = 2});
  commits_.OnWorkerDied({.begun = 2, .deaths = 1, .behind = 9});
  SessionWrite write = Take();
  EXPECT_EQ(write.through, 2u);
  const Tries most = {.begun = 3, .deaths = 2, .behind = 2};
  EXPECT_EQ(write.tries, most);
  commits_.OnNotCommitted(&session_, write, write.epoch);
  write = Take();
  EXPECT_EQ(write.tries, most);
  EXPECT_FALSE(OnCommitted(write));
  EXPECT_EQ(Take().tries, std::nullopt);
  // Also where results are made in the transaction.
  commits_.OnWorkerDied(most);
  EXPECT_EQ(commits_.Take(&session_, kPlenty, false).tries, most);
}

TEST_F(SessionCommitsTest, ASessionThatIsLeftInOrderHasNothingBegun) {
  Answer(1, 2);
  EXPECT_FALSE(OnCommitted(Take()));
  EXPECT_EQ(Take().tries, std::nullopt);
  EXPECT_TRUE(commits_.OnLeft(session_));
  const Tries nothing = {.begun = 0, .behind = 2};
  SessionWrite write = Take();
  EXPECT_EQ(write.tries, nothing);
  commits_.OnNotCommitted(&session_, write, write.epoch);
  write = Take();
  EXPECT_EQ(write.tries, nothing);
  EXPECT_FALSE(OnCommitted(write));
  EXPECT_EQ(Take().tries, std::nullopt);
}

TEST_F(SessionCommitsTest, WhatIsLeftBegunIsSettledWhenItIsCommitted) {
  Accept(1, 2);
  EXPECT_FALSE(commits_.OnLeft(session_));
  EXPECT_EQ(Take().tries, std::nullopt);
  EXPECT_TRUE(Complete(Dispatch(1), {}));
  SessionWrite write = Take();
  EXPECT_EQ(write.through, 1u);
  EXPECT_EQ(write.tries, std::nullopt);
  EXPECT_FALSE(OnCommitted(write));
  EXPECT_TRUE(Complete(Dispatch(1), {}));
  write = Take();
  EXPECT_EQ(write.through, 2u);
  EXPECT_EQ(write.tries, (Tries{.begun = 0, .behind = 2}));
}

TEST_F(SessionCommitsTest, AClaimNamesTheTraceOfTheLastStream) {
  EXPECT_EQ(commits_.Anew(session_).trace_id, "");
  commits_.OnAttached("the-first");
  commits_.OnAttached("the-second");
  EXPECT_EQ(commits_.Anew(session_).trace_id, "the-second");
  commits_.OnAttached("");
  EXPECT_EQ(commits_.BeginReclaim(session_).trace_id, "");
}

TEST_F(SessionCommitsTest, AClientThatIsBackMayBegin) {
  Answer(1, 1);
  EXPECT_FALSE(OnCommitted(Take()));
  EXPECT_TRUE(commits_.OnLeft(session_));
  commits_.OnAttached("");
  EXPECT_EQ(Take().tries, std::nullopt);
}

}  // namespace
}  // namespace msgproc::processor
