// SessionCommits: what of a session is written next, and when.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/session/session_commits.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"
#include "wire/entry_log.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;

constexpr absl::Time kNow = absl::FromUnixSeconds(3600);

class SessionWritesTest : public testing::Test {
 protected:
  SessionWritesTest() { session_.Open(0); }

  static Claim Made() {
    Claim claim;
    claim.session_id = "orders";
    claim.received_through = 1;
    return claim;
  }
  static Claimed Granted() {
    Claimed claimed;
    claimed.epoch = 5;
    return claimed;
  }

  // Messages are accepted and processed.
  void Process(uint64_t first, uint64_t count) {
    const TestFrame frame(Messages(first, count));
    ASSERT_EQ(session_.Accept(frame->messages, kNow).accepted, count);
    session_.Enqueue(frame->messages);
    std::vector<wire::Piece> pieces;
    const Session::Run run = session_.NextBatch(9, count, 1 << 20, &pieces);
    wire::EntryLog results;
    for (uint64_t i = 0; i < run.size; ++i) {
      wire::AppendResult(&results, run.first_position + i, "result");
    }
    ASSERT_TRUE(session_.Complete(run, &results));
  }
  // The client has everything up to here.
  void Receive(uint64_t through) {
    std::vector<wire::Piece> pieces;
    session_.TakeResults(1 << 20, &pieces);
    ASSERT_TRUE(session_.Acknowledge(through).ok());
  }
  SessionWrite Take(bool with_results = true, size_t max_bytes = 1 << 20) {
    return commits_.Take(&session_, max_bytes, with_results);
  }
  // One message's way into the store.
  void Commit(uint64_t sequence) {
    Process(sequence, 1);
    const SessionWrite write = Take();
    EXPECT_TRUE(write.has_results());
    EXPECT_FALSE(commits_.OnCommitted(&session_, write, 5));
  }

  Session session_{Session::Kind::kStored, SessionLimits()};
  SessionCommits commits_{Made(), Granted(), kNow, absl::Hours(1)};
};

TEST_F(SessionWritesTest, WritesWhatIsReadyUnderItsEpoch) {
  Process(1, 3);
  const SessionWrite write = Take();
  EXPECT_EQ(write.session_id, "orders");
  EXPECT_EQ(write.epoch, 5U);
  EXPECT_EQ(write.first, 1U);
  EXPECT_EQ(write.through, 3U);
  v1::ProcessResponse results;
  ASSERT_TRUE(results.ParseFromString(write.results));
  EXPECT_THAT(Sequences(results), ElementsAre(1, 2, 3));
  EXPECT_EQ(write.trim_through, 0U);
  EXPECT_FALSE(write.touch);
  EXPECT_FALSE(write.finish);
  EXPECT_FALSE(commits_.OnCommitted(&session_, write, 5));
  EXPECT_EQ(session_.committed_through(), 3U);
}

TEST_F(SessionWritesTest, WithoutResultsItTakesNone) {
  Process(1, 1);
  const SessionWrite write = Take(/*with_results=*/false);
  EXPECT_FALSE(write.has_results());
  EXPECT_FALSE(commits_.OnCommitted(&session_, write, 5));
  EXPECT_EQ(session_.committed_through(), 0U);
  EXPECT_TRUE(Take().has_results());
}

TEST_F(SessionWritesTest, NothingIsReadyAndNothingIsWritten) {
  const SessionWrite write = Take();
  EXPECT_FALSE(write.has_results());
  EXPECT_FALSE(commits_.OnCommitted(&session_, write, 5));
}

TEST_F(SessionWritesTest, WhatWasNotCommittedIsWrittenAgainUnderTheNewEpoch) {
  Process(1, 2);
  const SessionWrite lost = Take();
  commits_.OnNotCommitted(&session_, lost, 6);
  EXPECT_EQ(commits_.epoch(), 6U);
  const SessionWrite again = Take();
  EXPECT_EQ(again.epoch, 6U);
  EXPECT_EQ(again.results, lost.results);
  EXPECT_FALSE(commits_.OnCommitted(&session_, again, 7));
  EXPECT_EQ(commits_.epoch(), 7U);
}

TEST_F(SessionWritesTest, SaysThatItIsInUseOnceAnInterval) {
  constexpr absl::Duration kHour = absl::Hours(1);
  EXPECT_FALSE(commits_.OnUse(kNow + kHour - absl::Nanoseconds(1)));
  EXPECT_FALSE(Take().touch);
  EXPECT_TRUE(commits_.OnUse(kNow + kHour));
  const SessionWrite write = Take();
  EXPECT_TRUE(write.touch);
  // Until that is committed it is said again.
  commits_.OnNotCommitted(&session_, write, 5);
  EXPECT_TRUE(Take().touch);
  EXPECT_FALSE(Take().touch);
  EXPECT_FALSE(commits_.OnUse(kNow + kHour + kHour / 2));
  EXPECT_TRUE(commits_.OnUse(kNow + 2 * kHour));
}

TEST_F(SessionWritesTest, WhatWasReceivedGoesWithEverySixteenthCommit) {
  for (uint64_t i = 1; i <= SessionCommits::kCommitsPerTrim; ++i) {
    Commit(i);
    Receive(i);
  }
  const SessionWrite write = Take();
  EXPECT_EQ(write.trim_through, 16U);
  // As long as it takes.
  commits_.OnNotCommitted(&session_, write, 5);
  const SessionWrite again = Take();
  EXPECT_EQ(again.trim_through, 16U);
  EXPECT_FALSE(commits_.OnCommitted(&session_, again, 5));
  // And then the count begins anew.
  Commit(17);
  Receive(17);
  EXPECT_EQ(Take().trim_through, 0U);
}

TEST_F(SessionWritesTest, AndAgainWithTheSixteenthAfterThat) {
  for (uint64_t i = 1; i <= 16; ++i) Commit(i);
  Receive(16);
  EXPECT_FALSE(commits_.OnCommitted(&session_, Take(false), 5));
  for (uint64_t i = 17; i <= 31; ++i) Commit(i);
  Receive(31);
  EXPECT_EQ(Take(false).trim_through, 0U);
  Commit(32);
  EXPECT_EQ(Take(false).trim_through, 31U);
}

TEST_F(SessionWritesTest, WhatIsTrimmedIsNotTrimmedAgain) {
  for (uint64_t i = 1; i <= 16; ++i) Commit(i);
  Receive(16);
  EXPECT_FALSE(commits_.OnCommitted(&session_, Take(false), 5));
  for (uint64_t i = 17; i <= 32; ++i) Commit(i);
  EXPECT_EQ(Take(false).trim_through, 0U);
}

TEST_F(SessionWritesTest, WhatWasNotCommittedBringsNoTrimOfItsOwn) {
  Commit(1);
  Receive(1);
  Process(2, 1);
  const SessionWrite lost = Take();
  EXPECT_EQ(lost.trim_through, 0U);
  commits_.OnNotCommitted(&session_, lost, 5);
  const SessionWrite again = Take();
  EXPECT_EQ(again.first, 2U);
  EXPECT_EQ(again.trim_through, 0U);
  EXPECT_FALSE(commits_.OnCommitted(&session_, again, 5));
  // And of one that had, it is not forgotten.
  EXPECT_TRUE(commits_.OnLeft(session_));
  const SessionWrite trim = Take();
  EXPECT_EQ(trim.trim_through, 1U);
  commits_.OnNotCommitted(&session_, trim, 5);
  EXPECT_EQ(Take().trim_through, 1U);
}

TEST_F(SessionWritesTest, OneThatBeginsTrimsNothingByItself) {
  session_.Restart(3);
  EXPECT_EQ(Take().trim_through, 0U);
}

TEST_F(SessionWritesTest, EachStatementTakesItsTime) {
  Batch batch;
  for (const size_t statements : {1, 2}) {
    batch.effects.push_back(std::make_shared<MessageEffects>(
        MessageEffects{.sequence = statements,
                       .statements = std::vector<Statement>(statements)}));
  }
  EXPECT_EQ(SessionCommits::LoadOf(batch).work, absl::Microseconds(60));
}

TEST_F(SessionWritesTest, OnlyCommitsWithResultsCount) {
  Commit(1);
  Receive(1);
  for (int i = 0; i < SessionCommits::kCommitsPerTrim; ++i) {
    EXPECT_FALSE(commits_.OnCommitted(&session_, Take(false), 5));
  }
  EXPECT_EQ(Take().trim_through, 0U);
}

TEST_F(SessionWritesTest, NothingIsTrimmedWhereNothingWasReceived) {
  for (uint64_t i = 1; i <= SessionCommits::kCommitsPerTrim; ++i) Commit(i);
  EXPECT_EQ(Take().trim_through, 0U);
}

TEST_F(SessionWritesTest, WhenTheClientLeavesWhatItHasReceivedGoes) {
  EXPECT_TRUE(commits_.OnLeft(session_));
  EXPECT_EQ(Take().trim_through, 0U);
  Commit(1);
  Receive(1);
  EXPECT_TRUE(commits_.OnLeft(session_));
  const SessionWrite write = Take();
  EXPECT_EQ(write.trim_through, 1U);
  EXPECT_FALSE(commits_.OnCommitted(&session_, write, 5));
  // It is gone already.
  EXPECT_TRUE(commits_.OnLeft(session_));
  EXPECT_EQ(Take().trim_through, 0U);
}

TEST_F(SessionWritesTest, WhatTheStoreHasTrimmedBeforeIsNotTrimmedAgain) {
  Claimed claimed = Granted();
  claimed.trimmed_through = 2;
  commits_ = SessionCommits(Made(), claimed, kNow, absl::Hours(1));
  for (uint64_t i = 1; i <= 2; ++i) Commit(i);
  Receive(2);
  EXPECT_TRUE(commits_.OnLeft(session_));
  EXPECT_EQ(Take().trim_through, 0U);
  Commit(3);
  Receive(3);
  EXPECT_TRUE(commits_.OnLeft(session_));
}

TEST_F(SessionWritesTest, SaysGoodbyeOnceItIsCommitted) {
  commits_.OnFinished();
  const SessionWrite write = Take();
  EXPECT_TRUE(write.finish);
  EXPECT_FALSE(Take().finish);
  commits_.OnNotCommitted(&session_, write, 5);
  EXPECT_TRUE(Take().finish);
}

// By that a store is found out that has lost some of it.
TEST_F(SessionWritesTest, SaysWithTheGoodbyeWhatTheClientHas) {
  for (uint64_t i = 1; i <= 2; ++i) Commit(i);
  Receive(2);
  commits_.OnFinished();
  const SessionWrite write = Take();
  EXPECT_TRUE(write.finish);
  EXPECT_EQ(write.trim_through, 2U);
}

// An Open that was lost on its way may still arrive, at a server that stood
// still, and must not begin the session again.
TEST_F(SessionWritesTest, LeavesATombstoneWhereOtherOpensMayBeUnderWay) {
  for (const uint64_t epoch :
       {uint64_t{1}, kFirstEpochOfLaterOpen - 1, kFirstEpochOfLaterOpen,
        kFirstEpochOfLaterOpen + 1}) {
    Claimed claimed = Granted();
    claimed.epoch = epoch;
    commits_ = SessionCommits(Made(), claimed, kNow, absl::Hours(1));
    EXPECT_FALSE(Take().tombstone);
    commits_.OnFinished();
    const SessionWrite write = Take();
    EXPECT_TRUE(write.finish);
    EXPECT_EQ(write.tombstone, epoch >= kFirstEpochOfLaterOpen) << epoch;
  }
}

TEST_F(SessionWritesTest, AFencedSessionWritesNothing) {
  Process(1, 1);
  EXPECT_FALSE(commits_.fenced());
  commits_.OnFenced();
  EXPECT_TRUE(commits_.fenced());
  commits_.OnFinished();
  const SessionWrite write = Take();
  EXPECT_FALSE(write.has_results());
  EXPECT_FALSE(write.finish);
}

TEST_F(SessionWritesTest, ClaimsAnewWithWhatTheClientHasByNow) {
  EXPECT_EQ(commits_.Anew(session_).received_through, 1U);
  EXPECT_TRUE(commits_.Anew(session_).anew);
  EXPECT_EQ(commits_.Anew(session_).epoch, 5U);
  Commit(1);
  Commit(2);
  Receive(2);
  EXPECT_EQ(commits_.Anew(session_).received_through, 2U);
}

}  // namespace
}  // namespace msgproc::processor
