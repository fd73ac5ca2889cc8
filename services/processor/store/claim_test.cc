#include "services/processor/store/claim.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;

Claim TheClaim() {
  return {.session_id = "s",
          .token_sha256 = "digest",
          .principal = "ada",
          .handler = "echo"};
}

SessionRow TheRow() {
  return {.token_sha256 = "digest",
          .principal = "ada",
          .handler = "sha256",
          .epoch = 4,
          .owner = "other",
          .instance = 77,
          .attempt = 5,
          .trimmed_through = 10,
          .committed_through = 20};
}

Claimed Judge(const Claim& claim, const std::optional<SessionRow>& row) {
  return JudgeClaim(claim, row ? &*row : nullptr, "me", "gen");
}

TEST(ClaimTest, ASessionThatNobodyKnowsBegins) {
  const Claimed claimed = Judge(TheClaim(), std::nullopt);
  EXPECT_TRUE(claimed.status.ok());
  EXPECT_TRUE(claimed.created);
  EXPECT_EQ(claimed.epoch, 1u);
  EXPECT_EQ(claimed.handler, "echo");
  EXPECT_EQ(claimed.committed_through, 0u);
}

// Of one that is under way nothing may begin once the session is finished.
TEST(ClaimTest, ThatAnOpenBeforeWasLostShowsInTheEpoch) {
  Claim claim = TheClaim();
  claim.attempt = 1;
  EXPECT_EQ(Judge(claim, std::nullopt).epoch, 1u);
  EXPECT_FALSE(OpensMayBeUnderWay(1));
  claim.instance = TheRow().instance;
  claim.attempt = TheRow().attempt + 1;
  EXPECT_EQ(Judge(claim, std::nullopt).epoch, kFirstEpochOfLaterOpen);
  EXPECT_TRUE(OpensMayBeUnderWay(kFirstEpochOfLaterOpen));

  // Whoever has it.
  claim.received_through = TheRow().trimmed_through;
  SessionRow row = TheRow();
  EXPECT_EQ(Judge(claim, row).epoch, kFirstEpochOfLaterOpen);
  row.owner = "me";
  claim.epoch = row.epoch;
  EXPECT_FALSE(Judge(claim, row).still_ours);
  EXPECT_EQ(Judge(claim, row).epoch, kFirstEpochOfLaterOpen);
  row.epoch = claim.epoch = kFirstEpochOfLaterOpen;
  EXPECT_TRUE(Judge(claim, row).still_ours);
  row.owner = "other";
  EXPECT_EQ(Judge(claim, row).epoch, kFirstEpochOfLaterOpen + 1);

  // Its client was welcomed before: what it sent since begins nothing.
  claim.resumes = true;
  row.epoch = 4;
  EXPECT_EQ(Judge(claim, row).epoch, 5u);
}

TEST(ClaimTest, ARowThatNobodyCanHaveWrittenIsALoss) {
  const auto judge = [](const SessionRow& row) {
    Claim claim = TheClaim();
    claim.received_through = row.trimmed_through;
    return Judge(claim, row).status;
  };
  constexpr uint64_t kMost = INT64_MAX;
  for (const uint64_t epoch : {uint64_t{0}, kMost, uint64_t{UINT64_MAX}}) {
    SessionRow row = TheRow();
    row.epoch = epoch;
    EXPECT_TRUE(absl::IsDataLoss(judge(row))) << epoch;
    EXPECT_THAT(judge(row).message(), HasSubstr("is broken: epoch"));
  }
  for (const auto& [trimmed, committed] :
       {std::pair(uint64_t{21}, uint64_t{20}), std::pair(kMost, kMost),
        std::pair(uint64_t{0}, uint64_t{UINT64_MAX})}) {
    SessionRow row = TheRow();
    row.trimmed_through = trimmed;
    row.committed_through = committed;
    EXPECT_TRUE(absl::IsDataLoss(judge(row))) << trimmed << " " << committed;
  }
  SessionRow row = TheRow();
  row.epoch = row.trimmed_through = row.committed_through = kMost - 1;
  EXPECT_TRUE(judge(row).ok());
}

TEST(ClaimTest, AnotherProcessTakesItWithTheNextEpoch) {
  Claim claim = TheClaim();
  claim.received_through = 10;
  const Claimed claimed = Judge(claim, TheRow());
  EXPECT_TRUE(claimed.status.ok());
  EXPECT_FALSE(claimed.created);
  EXPECT_FALSE(claimed.still_ours);
  EXPECT_EQ(claimed.epoch, 5u);
  // What it was opened with, not what is asked for now.
  EXPECT_EQ(claimed.handler, "sha256");
  EXPECT_EQ(claimed.trimmed_through, 10u);
  EXPECT_EQ(claimed.committed_through, 20u);
}

TEST(ClaimTest, WhatTheStoreHasLostOfItsOwnAProcessTakesAnew) {
  SessionRow row = TheRow();
  row.owner = "me";
  Claim claim = TheClaim();
  claim.epoch = row.epoch;
  claim.received_through = 15;
  claim.committed_through = row.committed_through;
  EXPECT_TRUE(Judge(claim, row).still_ours);
  ++claim.committed_through;
  const Claimed claimed = Judge(claim, row);
  EXPECT_TRUE(claimed.status.ok()) << claimed.status;
  EXPECT_FALSE(claimed.still_ours);
  EXPECT_EQ(claimed.epoch, row.epoch + 1);
  EXPECT_EQ(claimed.committed_through, row.committed_through);
}

TEST(ClaimTest, AProcessKeepsWhatIsItsOwn) {
  Claim claim = TheClaim();
  claim.received_through = 20;
  claim.epoch = 4;
  SessionRow row = TheRow();
  row.owner = "me";
  Claimed claimed = Judge(claim, row);
  EXPECT_TRUE(claimed.still_ours);
  EXPECT_EQ(claimed.epoch, 4u);
  // Another one had it meanwhile, or it was this process in a life before.
  row.epoch = 6;
  claimed = Judge(claim, row);
  EXPECT_FALSE(claimed.still_ours);
  EXPECT_EQ(claimed.epoch, 7u);
  row = TheRow();
  EXPECT_FALSE(Judge(claim, row).still_ours);
  // A process that has none of it.
  row.owner = "me";
  claim.epoch = 0;
  EXPECT_FALSE(Judge(claim, row).still_ours);
}

TEST(ClaimTest, AnewDrawsAnEpochOnlyWhileItIsOurs) {
  Claim claim = TheClaim();
  claim.received_through = 15;
  claim.epoch = 4;
  claim.anew = true;
  SessionRow row = TheRow();
  row.owner = "me";
  const Claimed claimed = Judge(claim, row);
  EXPECT_TRUE(claimed.status.ok());
  EXPECT_FALSE(claimed.still_ours);
  EXPECT_EQ(claimed.epoch, 5u);
  row.epoch = 5;
  EXPECT_EQ(Judge(claim, row).status.code(), absl::StatusCode::kAborted);
  row = TheRow();
  EXPECT_EQ(Judge(claim, row).status.code(), absl::StatusCode::kAborted);
  // Finished or forgotten meanwhile: it must not begin once more.
  claim.received_through = 0;
  EXPECT_EQ(Judge(claim, std::nullopt).status.code(),
            absl::StatusCode::kAborted);
}

TEST(ClaimTest, ASessionIsItsOwners) {
  Claim claim = TheClaim();
  claim.received_through = 10;
  claim.principal = "eve";
  Claimed claimed = Judge(claim, TheRow());
  EXPECT_EQ(claimed.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(claimed.status.message(), HasSubstr("another principal"));
  claim.principal = "ada";
  claim.token_sha256 = "guess";
  claimed = Judge(claim, TheRow());
  EXPECT_EQ(claimed.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(claimed.status.message(), HasSubstr("session_token"));
  EXPECT_EQ(claimed.epoch, 0u);
}

TEST(ClaimTest, AnOpenThatWasLongUnderWayTakesNothingOver) {
  Claim claim = TheClaim();
  claim.received_through = 10;
  claim.instance = 77;
  claim.attempt = 4;
  EXPECT_EQ(Judge(claim, TheRow()).status.code(), absl::StatusCode::kAborted);
  claim.attempt = 5;
  EXPECT_TRUE(Judge(claim, TheRow()).status.ok());
  // Another client, or one that does not count.
  claim.attempt = 4;
  claim.instance = 78;
  EXPECT_TRUE(Judge(claim, TheRow()).status.ok());
  claim.instance = 77;
  claim.attempt = 0;
  EXPECT_TRUE(Judge(claim, TheRow()).status.ok());
  SessionRow row = TheRow();
  row.instance = claim.instance = 0;
  claim.attempt = 4;
  EXPECT_TRUE(Judge(claim, row).status.ok());
}

TEST(ClaimTest, AStoreThatKnowsLessThanTheClientSaysSo) {
  const auto lost = [](const Claim& claim, const auto& row) {
    return Judge(claim, row).status.code() == absl::StatusCode::kDataLoss;
  };
  Claim resumes = TheClaim();
  resumes.resumes = true;
  EXPECT_TRUE(lost(resumes, std::nullopt));
  Claim received = TheClaim();
  received.received_through = 1;
  EXPECT_TRUE(lost(received, std::nullopt));
  received.received_through = 21;
  EXPECT_TRUE(lost(received, TheRow()));
  received.received_through = 20;
  EXPECT_FALSE(lost(received, TheRow()));
  Claim elsewhere = TheClaim();
  elsewhere.store_generation = "before";
  EXPECT_TRUE(lost(elsewhere, std::nullopt));
  elsewhere.received_through = 10;
  EXPECT_TRUE(lost(elsewhere, TheRow()));
  elsewhere.store_generation = "gen";
  EXPECT_FALSE(lost(elsewhere, TheRow()));
}

TEST(ClaimTest, WhatIsNoLongerKeptIsNotProcessedAgain) {
  Claim claim = TheClaim();
  claim.received_through = 10;
  SessionRow row = TheRow();
  row.expired = true;
  EXPECT_EQ(Judge(claim, row).status.code(),
            absl::StatusCode::kFailedPrecondition);
  claim.received_through = 9;
  EXPECT_EQ(Judge(claim, TheRow()).status.code(),
            absl::StatusCode::kFailedPrecondition);
  claim.received_through = 10;
  EXPECT_TRUE(Judge(claim, TheRow()).status.ok());
}

SessionRow RowWith(const Tries& tries) {
  SessionRow row = TheRow();
  row.tries = tries;
  return row;
}

TEST(ClaimTest, EachProcessIsOneTryMoreOfWhatIsNotCommitted) {
  Claim claim = TheClaim();
  claim.received_through = TheRow().trimmed_through;
  EXPECT_EQ(Judge(TheClaim(), std::nullopt).tries, Tries());
  EXPECT_EQ(Judge(claim, RowWith({.begun = 3, .behind = 20})).tries,
            (Tries{.begun = 4, .behind = 20}));
  // Also where somebody has died over a message further behind.
  EXPECT_EQ(
      Judge(claim, RowWith({.begun = 3, .deaths = 2, .behind = 21})).tries,
      (Tries{.begun = 4, .deaths = 2, .behind = 21}));
}

TEST(ClaimTest, WhatIsCommittedHasNoTries) {
  Claim claim = TheClaim();
  claim.received_through = TheRow().trimmed_through;
  // Whoever committed it may have begun what follows.
  EXPECT_EQ(
      Judge(claim, RowWith({.begun = 9, .deaths = 2, .behind = 19})).tries,
      (Tries{.begun = 2, .behind = 20}));
}

TEST(ClaimTest, NothingIsBegunOfASessionThatWasLeftInOrder) {
  Claim claim = TheClaim();
  claim.received_through = TheRow().trimmed_through;
  SessionRow row = RowWith({.begun = 0, .behind = 20});
  EXPECT_EQ(Judge(claim, row).tries, (Tries{.begun = 1, .behind = 20}));
  // Its owner begins, from now on.
  row.owner = "me";
  claim.epoch = row.epoch;
  ASSERT_TRUE(Judge(claim, row).still_ours);
  EXPECT_EQ(Judge(claim, row).tries, (Tries{.begun = 1, .behind = 20}));
}

TEST(ClaimTest, AProcessThatHasASessionAlreadyBeginsNothingOnceMore) {
  Claim claim = TheClaim();
  claim.received_through = TheRow().trimmed_through;
  claim.epoch = TheRow().epoch;
  SessionRow row = RowWith({.begun = 2, .deaths = 1, .behind = 20});
  row.owner = "me";
  ASSERT_TRUE(Judge(claim, row).still_ours);
  EXPECT_EQ(Judge(claim, row).tries, row.tries);
  claim.anew = true;
  ASSERT_FALSE(Judge(claim, row).still_ours);
  EXPECT_EQ(Judge(claim, row).tries, row.tries);
}

}  // namespace
}  // namespace msgproc::processor
