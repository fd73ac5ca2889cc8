#include "services/processor/store/testing/session_store_contract.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kNever = absl::Hours(24);

}  // namespace

Claim ClaimOf(const std::string& session_id) {
  return {.session_id = session_id,
          .token_sha256 = std::string(32, 't'),
          .principal = "ada",
          .handler = "echo"};
}

SessionWrite ResultsOf(const std::string& session_id, uint64_t epoch,
                       uint64_t first, uint64_t through, std::string results) {
  return {.session_id = session_id,
          .epoch = epoch,
          .first = first,
          .through = through,
          .results = std::move(results)};
}

void SessionStoreContractTest::SetUp() {
  under_test_ = GetParam()();
  if (under_test_ == nullptr) GTEST_SKIP() << "such a store is not here";
  OpenAs("process-1");
}

void SessionStoreContractTest::OpenAs(const std::string& owner,
                                      bool renew_generation) {
  connection_.reset();
  store_.reset();
  auto store = under_test_->Open(owner, renew_generation);
  ASSERT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  auto connection = store_->Connect();
  ASSERT_TRUE(connection.ok()) << connection.status();
  connection_ = *std::move(connection);
}

Claimed SessionStoreContractTest::ClaimOne(const Claim& claim) {
  auto claimed = connection().ClaimSessions({claim});
  EXPECT_TRUE(claimed.ok()) << claimed.status();
  if (!claimed.ok()) return {.status = claimed.status()};
  EXPECT_THAT(*claimed, SizeIs(1));
  return claimed->front();
}

absl::StatusOr<bool> SessionStoreContractTest::WriteOne(
    const SessionWrite& write) {
  if (absl::Status status = connection().Begin(); !status.ok()) return status;
  const auto written = connection().Write({write});
  if (!written.ok()) return written.status();
  EXPECT_THAT(*written, SizeIs(1));
  if (absl::Status status = connection().Commit(); !status.ok()) return status;
  return written->front();
}

void SessionStoreContractTest::Put(const std::string& key,
                                   const std::string& value) {
  const auto rows =
      connection().transaction()->Execute(under_test().put(), {key, value});
  EXPECT_TRUE(rows.ok()) << rows.status();
}

void SessionStoreContractTest::PutLater(const std::string& key,
                                        const std::string& value) {
  absl::Status status = connection().transaction()->ExecuteLater(
      under_test().put(), {key, value});
  EXPECT_TRUE(status.ok()) << status;
}

std::string SessionStoreContractTest::GetInside(const std::string& key) {
  const auto rows =
      connection().transaction()->Execute(under_test().get(), {key});
  EXPECT_TRUE(rows.ok()) << rows.status();
  if (!rows.ok() || rows->empty()) return "";
  return std::get<std::string>(rows->at(0).at(0));
}

std::string SessionStoreContractTest::Get(const std::string& key) {
  EXPECT_TRUE(connection().Begin().ok());
  std::string value = GetInside(key);
  connection().Rollback();
  return value;
}

namespace {

TEST_P(SessionStoreContractTest, ANewSessionBegins) {
  const Claimed claimed = ClaimOne(ClaimOf("s"));
  EXPECT_TRUE(claimed.status.ok()) << claimed.status;
  EXPECT_TRUE(claimed.created);
  EXPECT_FALSE(claimed.still_ours);
  EXPECT_EQ(claimed.epoch, 1u);
  EXPECT_EQ(claimed.handler, "echo");
  EXPECT_EQ(claimed.committed_through, 0u);
  EXPECT_THAT(claimed.outcomes, IsEmpty());
}

TEST_P(SessionStoreContractTest, OutcomesComeBackByteForByteAndInOrder) {
  const std::string all_bytes = [] {
    std::string bytes;
    for (int i = 0; i < 100'000; ++i) {
      bytes.push_back(static_cast<char>(i * 7 + i / 256));
    }
    return bytes;
  }();
  ClaimOne(ClaimOf("s"));
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 1, 3, std::string("\0'\\\xff", 4))),
            true);
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 4, 4, "")), true);
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 5, 1'000, all_bytes)), true);

  OpenAs("process-2");
  Claim claim = ClaimOf("s");
  claim.resumes = true;
  const Claimed claimed = ClaimOne(claim);
  EXPECT_TRUE(claimed.status.ok()) << claimed.status;
  EXPECT_FALSE(claimed.created);
  EXPECT_EQ(claimed.committed_through, 1'000u);
  ASSERT_THAT(claimed.outcomes, SizeIs(3));
  EXPECT_EQ(claimed.outcomes[0].first, 1u);
  EXPECT_EQ(claimed.outcomes[0].through, 3u);
  EXPECT_EQ(claimed.outcomes[0].results, std::string("\0'\\\xff", 4));
  EXPECT_EQ(claimed.outcomes[1].first, 4u);
  EXPECT_EQ(claimed.outcomes[1].results, "");
  EXPECT_EQ(claimed.outcomes[2].through, 1'000u);
  EXPECT_TRUE(claimed.outcomes[2].results == all_bytes);
}

TEST_P(SessionStoreContractTest, OnlyWhatTheClientLacksIsRead) {
  ClaimOne(ClaimOf("s"));
  for (uint64_t first : {1, 11, 21}) {
    ASSERT_EQ(*WriteOne(ResultsOf("s", 1, first, first + 9)), true);
  }
  OpenAs("process-2");
  Claim claim = ClaimOf("s");
  claim.received_through = 10;
  Claimed claimed = ClaimOne(claim);
  ASSERT_THAT(claimed.outcomes, SizeIs(2));
  EXPECT_EQ(claimed.outcomes[0].first, 11u);

  OpenAs("process-3");
  claim.received_through = 15;
  claimed = ClaimOne(claim);
  ASSERT_THAT(claimed.outcomes, SizeIs(2));
  EXPECT_EQ(claimed.outcomes[0].first, 11u);

  OpenAs("process-4");
  claim.received_through = 30;
  claimed = ClaimOne(claim);
  EXPECT_THAT(claimed.outcomes, IsEmpty());
  EXPECT_EQ(claimed.committed_through, 30u);
}

TEST_P(SessionStoreContractTest, ATakeoverFencesTheEpochBeforeIt) {
  ASSERT_EQ(ClaimOne(ClaimOf("a")).epoch, 1u);
  ASSERT_EQ(ClaimOne(ClaimOf("b")).epoch, 1u);
  ASSERT_EQ(*WriteOne(ResultsOf("a", 1, 1, 1)), true);
  OpenAs("process-2");
  ASSERT_EQ(ClaimOne(ClaimOf("a")).epoch, 2u);
  ASSERT_EQ(ClaimOne(ClaimOf("b")).epoch, 2u);
  ASSERT_EQ(ClaimOne(ClaimOf("c")).epoch, 1u);

  ASSERT_TRUE(connection().Begin().ok());
  const auto written = connection().Write(
      {ResultsOf("c", 1, 1, 2), ResultsOf("a", 1, 2, 2),
       ResultsOf("b", 2, 1, 1), ResultsOf("never claimed", 1, 1, 1)});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_THAT(*written, ElementsAre(true, false, true, false));
  ASSERT_TRUE(connection().Commit().ok());

  OpenAs("process-3");
  EXPECT_EQ(ClaimOne(ClaimOf("a")).committed_through, 1u);
  EXPECT_EQ(ClaimOne(ClaimOf("b")).committed_through, 1u);
  EXPECT_EQ(ClaimOne(ClaimOf("c")).committed_through, 2u);
}

TEST_P(SessionStoreContractTest, AnotherProcessWithTheSameEpochIsFencedToo) {
  // A session that was forgotten begins again at epoch 1.
  ASSERT_EQ(ClaimOne(ClaimOf("s")).epoch, 1u);
  OpenAs("process-2");
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 1, 1)), false);
}

TEST_P(SessionStoreContractTest, EpochsRiseStrictly) {
  uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    OpenAs(absl::StrCat("process-", i));
    const Claimed claimed = ClaimOne(ClaimOf("s"));
    EXPECT_GT(claimed.epoch, last);
    last = claimed.epoch;
  }
  Claim anew = ClaimOf("s");
  anew.epoch = last;
  anew.anew = true;
  EXPECT_EQ(ClaimOne(anew).epoch, last + 1);
  EXPECT_EQ(*WriteOne(ResultsOf("s", last, 1, 1)), false);
  EXPECT_EQ(*WriteOne(ResultsOf("s", last + 1, 1, 1)), true);
}

TEST_P(SessionStoreContractTest, AProcessKeepsWhatItHas) {
  ClaimOne(ClaimOf("s"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 3)), true);
  Claim again = ClaimOf("s");
  again.epoch = 1;
  const Claimed claimed = ClaimOne(again);
  EXPECT_TRUE(claimed.still_ours);
  EXPECT_EQ(claimed.epoch, 1u);
  EXPECT_THAT(claimed.outcomes, IsEmpty());
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 4, 4)), true);
}

TEST_P(SessionStoreContractTest, TriesAreCountedAcrossProcesses) {
  ClaimOne(ClaimOf("other"));
  for (uint64_t i = 1; i <= 3; ++i) {
    OpenAs(absl::StrCat("process-", i));
    const Claimed claimed = ClaimOne(ClaimOf("s"));
    EXPECT_EQ(claimed.tries, Tries{.begun = i});
    // Looking at it again is no try.
    Claim again = ClaimOf("s");
    again.epoch = claimed.epoch;
    ASSERT_TRUE(ClaimOne(again).still_ours);
    again.anew = true;
    EXPECT_EQ(ClaimOne(again).tries, claimed.tries);
  }
  // What is committed never counts; what follows was begun by the last owner
  // only.
  ASSERT_EQ(*WriteOne(ResultsOf("s", 4, 1, 5)), false);
  ASSERT_EQ(*WriteOne(ResultsOf("s", 6, 1, 5)), true);
  OpenAs("process-4");
  EXPECT_EQ(ClaimOne(ClaimOf("s")).tries, (Tries{.begun = 2, .behind = 5}));
  EXPECT_EQ(ClaimOne(ClaimOf("other")).tries, Tries{.begun = 2});
}

TEST_P(SessionStoreContractTest, WorkersDeathsAreKnownToTheNextProcess) {
  ClaimOne(ClaimOf("a"));
  ClaimOne(ClaimOf("b"));
  ASSERT_TRUE(connection().Begin().ok());
  const Tries died = {.begun = 3, .deaths = 2, .behind = 12};
  SessionWrite a = ResultsOf("a", 1, 1, 10);
  a.tries = died;
  SessionWrite fenced = ResultsOf("b", 7, 1, 1);
  fenced.tries = died;
  ASSERT_THAT(*connection().Write({a, fenced}), ElementsAre(true, false));
  ASSERT_TRUE(connection().Commit().ok());
  OpenAs("process-2");
  EXPECT_EQ(ClaimOne(ClaimOf("b")).tries, Tries{.begun = 2});
  EXPECT_EQ(ClaimOne(ClaimOf("a")).tries,
            (Tries{.begun = 4, .deaths = 2, .behind = 12}));
  ASSERT_EQ(*WriteOne(ResultsOf("a", 2, 11, 13)), true);
  OpenAs("process-3");
  EXPECT_EQ(ClaimOne(ClaimOf("a")).tries, (Tries{.begun = 2, .behind = 13}));
}

TEST_P(SessionStoreContractTest, OfWhatIsLeftInOrderNothingWasTried) {
  ClaimOne(ClaimOf("s"));
  SessionWrite write = ResultsOf("s", 1, 1, 10);
  write.tries = Tries{.begun = 0, .behind = 10};
  ASSERT_EQ(*WriteOne(write), true);
  OpenAs("process-2");
  EXPECT_EQ(ClaimOne(ClaimOf("s")).tries, (Tries{.begun = 1, .behind = 10}));
}

TEST_P(SessionStoreContractTest, ManyAreClaimedTogetherAndJudgedEach) {
  ClaimOne(ClaimOf("known"));
  Claim foreign = ClaimOf("known");
  foreign.principal = "eve";
  Claim lost = ClaimOf("lost");
  lost.resumes = true;
  const auto claimed =
      connection().ClaimSessions({ClaimOf("z"), foreign, ClaimOf("a"), lost});
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  ASSERT_THAT(*claimed, SizeIs(4));
  EXPECT_TRUE((*claimed)[0].created);
  EXPECT_TRUE(absl::IsPermissionDenied((*claimed)[1].status));
  EXPECT_TRUE((*claimed)[2].created);
  EXPECT_TRUE(absl::IsDataLoss((*claimed)[3].status));
  // Nothing changed for those that were refused.
  EXPECT_EQ(*WriteOne(ResultsOf("known", 1, 1, 1)), true);
  EXPECT_TRUE(ClaimOne(ClaimOf("lost")).created);
  // And nothing at all is nothing.
  EXPECT_THAT(*connection().ClaimSessions({}), IsEmpty());
}

TEST_P(SessionStoreContractTest, ALaterOpenOfTheSameClientWins) {
  Claim claim = ClaimOf("s");
  claim.instance = 0xffff'ffff'ffff'fff0;
  claim.attempt = 7;
  ClaimOne(claim);
  OpenAs("process-2");
  claim.attempt = 6;
  EXPECT_TRUE(absl::IsAborted(ClaimOne(claim).status));
  claim.attempt = 8;
  EXPECT_EQ(ClaimOne(claim).epoch, kFirstEpochOfLaterOpen + 1);
  claim.attempt = 7;
  EXPECT_TRUE(absl::IsAborted(ClaimOne(claim).status));
}

TEST_P(SessionStoreContractTest, NamesMayBeAnyBytes) {
  const std::string name("a\0b\xff'\\\n%", 8);
  Claim claim = ClaimOf(name);
  claim.principal = std::string("issuer\0subject\xfe", 15);
  claim.token_sha256 = std::string(32, '\0');
  EXPECT_TRUE(ClaimOne(claim).created);
  EXPECT_TRUE(ClaimOne(ClaimOf("a")).created);
  EXPECT_EQ(*WriteOne(ResultsOf(name, 1, 1, 1)), true);
  claim.epoch = 1;
  EXPECT_TRUE(ClaimOne(claim).still_ours);
}

TEST_P(SessionStoreContractTest, WhatDoesNotFollowIsNotWritten) {
  ClaimOne(ClaimOf("s"));
  ClaimOne(ClaimOf("other"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 3)), true);
  for (uint64_t first : {1, 3, 5}) {
    ASSERT_TRUE(connection().Begin().ok());
    EXPECT_TRUE(absl::IsInternal(
        connection()
            .Write({ResultsOf("other", 1, 1, 1), ResultsOf("s", 1, first, 9)})
            .status()));
    // That undid all of it, and the connection is as before.
  }
  EXPECT_EQ(*WriteOne(ResultsOf("other", 1, 1, 1)), true);
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 4, 4)), true);
}

TEST_P(SessionStoreContractTest, WhatIsTrimmedIsGone) {
  ClaimOne(ClaimOf("s"));
  for (uint64_t first : {1, 11, 21}) {
    ASSERT_EQ(*WriteOne(ResultsOf("s", 1, first, first + 9)), true);
  }
  SessionWrite trim = {.session_id = "s", .epoch = 1, .trim_through = 15};
  EXPECT_EQ(*WriteOne(trim), true);
  // Never back.
  trim.trim_through = 5;
  EXPECT_EQ(*WriteOne(trim), true);

  OpenAs("process-2");
  Claim claim = ClaimOf("s");
  claim.received_through = 14;
  EXPECT_TRUE(absl::IsFailedPrecondition(ClaimOne(claim).status));
  claim.received_through = 15;
  Claimed claimed = ClaimOne(claim);
  EXPECT_EQ(claimed.trimmed_through, 15u);
  EXPECT_EQ(claimed.committed_through, 30u);
  ASSERT_THAT(claimed.outcomes, SizeIs(2));
  EXPECT_EQ(claimed.outcomes[0].first, 11u);

  // All of it, and results go on from there.
  trim.epoch = claimed.epoch;
  trim.trim_through = 30;
  EXPECT_EQ(*WriteOne(trim), true);
  EXPECT_EQ(*WriteOne(ResultsOf("s", claimed.epoch, 31, 31)), true);
  OpenAs("process-3");
  claim.received_through = 30;
  claimed = ClaimOne(claim);
  EXPECT_EQ(claimed.trimmed_through, 30u);
  EXPECT_EQ(claimed.committed_through, 31u);
  EXPECT_THAT(claimed.outcomes, SizeIs(1));
}

TEST_P(SessionStoreContractTest, ATrimAndResultsComeInOneWrite) {
  ClaimOne(ClaimOf("s"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 10)), true);
  SessionWrite write = ResultsOf("s", 1, 11, 20, "newer");
  write.trim_through = 10;
  EXPECT_EQ(*WriteOne(write), true);
  write = ResultsOf("s", 1, 21, 21);
  write.trim_through = 22;
  EXPECT_TRUE(absl::IsInternal(WriteOne(write).status()));
  OpenAs("process-2");
  Claim claim = ClaimOf("s");
  claim.received_through = 10;
  const Claimed claimed = ClaimOne(claim);
  EXPECT_EQ(claimed.trimmed_through, 10u);
  ASSERT_THAT(claimed.outcomes, SizeIs(1));
  EXPECT_EQ(claimed.outcomes[0].results, "newer");
}

TEST_P(SessionStoreContractTest, AFinishedSessionIsGone) {
  ClaimOne(ClaimOf("s"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 10)), true);
  SessionWrite write = ResultsOf("s", 1, 11, 12);
  write.trim_through = 12;
  write.finish = true;
  EXPECT_EQ(*WriteOne(write), true);
  EXPECT_EQ(connection().MeasureSize()->sessions, 0u);
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 13, 13)), false);
  const Claimed claimed = ClaimOne(ClaimOf("s"));
  EXPECT_TRUE(claimed.created);
  EXPECT_EQ(claimed.committed_through, 0u);
}

TEST_P(SessionStoreContractTest, AFinishedSessionMayLeaveATombstone) {
  ClaimOne(ClaimOf("other"));
  ClaimOne(ClaimOf("s"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 10)), true);
  SessionWrite write;
  write.session_id = "s";
  write.epoch = 1;
  write.trim_through = 10;
  write.finish = true;
  write.tombstone = true;
  EXPECT_EQ(*WriteOne(write), true);
  EXPECT_EQ(connection().MeasureSize()->sessions, 2u);
  // Its owner has it no more, and nobody gets it, nor begins it anew.
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 11, 11)), false);
  EXPECT_TRUE(absl::IsFailedPrecondition(ClaimOne(ClaimOf("s")).status));
  EXPECT_EQ(*WriteOne(ResultsOf("other", 1, 1, 1)), true);
  EXPECT_EQ(*connection().Expire(kNever, absl::ZeroDuration(), 10), 1u);
  EXPECT_TRUE(ClaimOne(ClaimOf("s")).created);
}

TEST_P(SessionStoreContractTest, AForgottenSessionHasNeverBeen) {
  ClaimOne(ClaimOf("s"));
  ClaimOne(ClaimOf("other"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 10)), true);
  EXPECT_EQ(*connection().Forget("s"), true);
  EXPECT_EQ(*connection().Forget("s"), false);
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 11, 11)), false);
  EXPECT_EQ(*WriteOne(ResultsOf("other", 1, 1, 1)), true);
  const Claimed claimed = ClaimOne(ClaimOf("s"));
  EXPECT_TRUE(claimed.created);
  EXPECT_THAT(claimed.outcomes, IsEmpty());
}

TEST_P(SessionStoreContractTest, OfAnExpiredSessionATombstoneIsLeft) {
  ClaimOne(ClaimOf("s"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 10)), true);
  EXPECT_EQ(*connection().Expire(kNever, kNever, 10), 0u);
  EXPECT_EQ(*connection().Expire(absl::ZeroDuration(), kNever, 10), 1u);
  // Its owner has it no more, and nobody gets it.
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 11, 11)), false);
  Claim claim = ClaimOf("s");
  claim.received_through = 10;
  const Claimed claimed = ClaimOne(claim);
  EXPECT_TRUE(absl::IsFailedPrecondition(claimed.status)) << claimed.status;
  claim.principal = "eve";
  EXPECT_TRUE(absl::IsPermissionDenied(ClaimOne(claim).status));
  // Only once.
  EXPECT_EQ(*connection().Expire(absl::ZeroDuration(), kNever, 10), 0u);
  // Until the tombstone goes as well.
  EXPECT_EQ(
      *connection().Expire(absl::ZeroDuration(), absl::ZeroDuration(), 10), 1u);
  EXPECT_TRUE(ClaimOne(ClaimOf("s")).created);
}

TEST_P(SessionStoreContractTest, WhatIsInUseDoesNotExpire) {
  for (const std::string name : {"idle", "touched", "trimmed"}) {
    ClaimOne(ClaimOf(name));
    ASSERT_EQ(*WriteOne(ResultsOf(name, 1, 1, 10)), true);
  }
  under_test().Pass(absl::Seconds(2));
  ASSERT_EQ(*WriteOne({.session_id = "touched", .epoch = 1, .touch = true}),
            true);
  ASSERT_EQ(*WriteOne({.session_id = "trimmed", .epoch = 1, .trim_through = 5}),
            true);
  EXPECT_EQ(*connection().Expire(absl::Seconds(1), kNever, 10), 1u);
  EXPECT_EQ(*WriteOne(ResultsOf("idle", 1, 11, 11)), false);
  EXPECT_EQ(*WriteOne(ResultsOf("touched", 1, 11, 11)), true);
  EXPECT_EQ(*WriteOne(ResultsOf("trimmed", 1, 11, 11)), true);
  // Nothing of it went.
  EXPECT_EQ(ClaimOne(ClaimOf("touched")).outcomes.size(), 2u);
}

TEST_P(SessionStoreContractTest, FewExpireAtATime) {
  const std::vector<std::string> names = {"a", "b", "c", "d", "e"};
  for (const std::string& name : names) ClaimOne(ClaimOf(name));
  EXPECT_EQ(*connection().Expire(absl::ZeroDuration(), kNever, 2), 2u);
  EXPECT_EQ(*connection().Expire(absl::ZeroDuration(), kNever, 2), 2u);
  EXPECT_EQ(*connection().Expire(absl::ZeroDuration(), kNever, 2), 1u);
  for (const std::string& name : names) {
    EXPECT_TRUE(absl::IsFailedPrecondition(ClaimOne(ClaimOf(name)).status));
  }
  EXPECT_EQ(connection().MeasureSize()->sessions, 5u);
}

TEST_P(SessionStoreContractTest, TheGenerationStaysUntilItIsRenewed) {
  const std::string generation = store().generation();
  EXPECT_GE(generation.size(), 8u);
  ClaimOne(ClaimOf("s"));
  OpenAs("process-2");
  EXPECT_EQ(store().generation(), generation);
  Claim claim = ClaimOf("s");
  claim.store_generation = generation;
  EXPECT_TRUE(ClaimOne(claim).status.ok());

  OpenAs("process-3", /*renew_generation=*/true);
  EXPECT_NE(store().generation(), generation);
  EXPECT_TRUE(absl::IsDataLoss(ClaimOne(claim).status));
  claim.store_generation = store().generation();
  EXPECT_TRUE(ClaimOne(claim).status.ok());
  OpenAs("process-4");
  EXPECT_EQ(store().generation(), claim.store_generation);
}

TEST_P(SessionStoreContractTest, EffectsAreCommittedWithTheResults) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  Put("balance", "10");
  EXPECT_EQ(GetInside("balance"), "10");
  ASSERT_TRUE(connection().Write({ResultsOf("s", 1, 1, 1)}).ok());
  ASSERT_TRUE(connection().Commit().ok());
  OpenAs("process-2");
  EXPECT_EQ(Get("balance"), "10");
  EXPECT_EQ(ClaimOne(ClaimOf("s")).committed_through, 1u);
}

TEST_P(SessionStoreContractTest, EffectsAreUndoneWithTheResults) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  Put("balance", "10");
  ASSERT_TRUE(connection().Write({ResultsOf("s", 1, 1, 1)}).ok());
  connection().Rollback();
  EXPECT_EQ(Get("balance"), "");
  // As they are when the connection goes.
  ASSERT_TRUE(connection().Begin().ok());
  Put("balance", "11");
  OpenAs("process-2");
  EXPECT_EQ(Get("balance"), "");
  EXPECT_EQ(ClaimOne(ClaimOf("s")).committed_through, 0u);
}

TEST_P(SessionStoreContractTest, ASavepointUndoesOneMessage) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(connection().SetSavepoint().ok());
    Put(absl::StrCat("key-", i), "value");
    if (i % 2 == 1) {
      ASSERT_TRUE(connection().RollbackToSavepoint().ok());
      EXPECT_EQ(GetInside(absl::StrCat("key-", i)), "");
      // It stands.
      Put("often", absl::StrCat(i));
      ASSERT_TRUE(connection().RollbackToSavepoint().ok());
      EXPECT_EQ(GetInside("often"), "");
    }
    ASSERT_TRUE(connection().ReleaseSavepoint().ok());
  }
  ASSERT_TRUE(connection().Write({ResultsOf("s", 1, 1, 4)}).ok());
  ASSERT_TRUE(connection().Commit().ok());
  EXPECT_EQ(Get("key-0"), "value");
  EXPECT_EQ(Get("key-1"), "");
  EXPECT_EQ(Get("key-2"), "value");
  EXPECT_EQ(Get("key-3"), "");
}

TEST_P(SessionStoreContractTest, AfterAnErrorTheSavepointIsTheWayOn) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  Put("taken", "1");
  Transaction& transaction = *connection().transaction();
  ASSERT_TRUE(connection().SetSavepoint().ok());
  Put("mine", "2");
  const auto twice = transaction.Execute(under_test().insert(), {"taken", "3"});
  EXPECT_TRUE(absl::IsAlreadyExists(twice.status())) << twice.status();
  // Whatever the handler tries.
  const auto more = transaction.Execute(under_test().put(), {"more", "4"});
  EXPECT_TRUE(absl::IsFailedPrecondition(more.status())) << more.status();
  ASSERT_TRUE(connection().RollbackToSavepoint().ok());
  ASSERT_TRUE(connection().ReleaseSavepoint().ok());
  Put("next", "5");
  ASSERT_TRUE(connection().Write({ResultsOf("s", 1, 1, 1)}).ok());
  ASSERT_TRUE(connection().Commit().ok());
  EXPECT_EQ(Get("taken"), "1");
  EXPECT_EQ(Get("mine"), "");
  EXPECT_EQ(Get("more"), "");
  EXPECT_EQ(Get("next"), "5");
}

TEST_P(SessionStoreContractTest, AnErrorWithoutASavepointUndoesAll) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  Put("taken", "1");
  EXPECT_TRUE(
      absl::IsAlreadyExists(connection()
                                .transaction()
                                ->Execute(under_test().insert(), {"taken", "3"})
                                .status()));
  connection().Rollback();
  EXPECT_EQ(Get("taken"), "");
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 1, 1)), true);
}

TEST_P(SessionStoreContractTest, WhatIsPutOffIsExecutedInOrder) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  PutLater("a", "1");
  PutLater("a", "2");
  PutLater("b", "1");
  // The next one sees it.
  EXPECT_EQ(GetInside("a"), "2");
  Put("a", "3");
  PutLater("a", "4");
  PutLater("b", "2");
  ASSERT_TRUE(connection().ExecutePutOff().ok());
  // There is nothing left.
  ASSERT_TRUE(connection().ExecutePutOff().ok());
  ASSERT_TRUE(connection().Write({ResultsOf("s", 1, 1, 1)}).ok());
  ASSERT_TRUE(connection().Commit().ok());
  EXPECT_EQ(Get("a"), "4");
  EXPECT_EQ(Get("b"), "2");
}

TEST_P(SessionStoreContractTest, AnyNumberOfStatementsCanBePutOff) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  for (int i = 0; i < 1'000; ++i) PutLater(absl::StrCat("key-", i), "value");
  const std::string large(100'000, 'x');
  for (int i = 0; i < 30; ++i) PutLater(absl::StrCat("large-", i), large);
  ASSERT_TRUE(connection().ExecutePutOff().ok());
  ASSERT_TRUE(connection().Write({ResultsOf("s", 1, 1, 1)}).ok());
  ASSERT_TRUE(connection().Commit().ok());
  for (const int i : {0, 255, 256, 999}) {
    EXPECT_EQ(Get(absl::StrCat("key-", i)), "value");
  }
  for (const int i : {0, 29}) {
    EXPECT_TRUE(Get(absl::StrCat("large-", i)) == large);
  }
}

TEST_P(SessionStoreContractTest, WhatIsPutOffFailsAsWhatIsNot) {
  ClaimOne(ClaimOf("s"));
  for (const bool mixed : {false, true}) {
    ASSERT_TRUE(connection().Begin().ok());
    PutLater("taken", "1");
    Transaction& transaction = *connection().transaction();
    absl::Status status =
        transaction.ExecuteLater(under_test().insert(), {"taken", "2"});
    const bool at_once = !status.ok();
    if (mixed) {
      const auto next = transaction.Execute(under_test().put(), {"a", "1"});
      EXPECT_FALSE(next.ok());
      status.Update(next.status());
    } else {
      status.Update(transaction.ExecuteLater(under_test().put(), {"a", "1"}));
      status.Update(connection().ExecutePutOff());
    }
    EXPECT_TRUE(absl::IsAlreadyExists(status)) << at_once << status;
    // The transaction has failed.
    EXPECT_TRUE(absl::IsFailedPrecondition(
        transaction.ExecuteLater(under_test().put(), {"a", "1"})));
    connection().Rollback();
    EXPECT_EQ(Get("taken"), "");
  }
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 1, 1)), true);
}

TEST_P(SessionStoreContractTest, WithinASavepointNothingIsPutOff) {
  ClaimOne(ClaimOf("s"));
  ASSERT_TRUE(connection().Begin().ok());
  Put("taken", "1");
  ASSERT_TRUE(connection().SetSavepoint().ok());
  EXPECT_TRUE(absl::IsAlreadyExists(connection().transaction()->ExecuteLater(
      under_test().insert(), {"taken", "2"})));
  ASSERT_TRUE(connection().RollbackToSavepoint().ok());
  PutLater("next", "1");
  ASSERT_TRUE(connection().ReleaseSavepoint().ok());
  ASSERT_TRUE(connection().ExecutePutOff().ok());
  ASSERT_TRUE(connection().Write({ResultsOf("s", 1, 1, 1)}).ok());
  ASSERT_TRUE(connection().Commit().ok());
  EXPECT_EQ(Get("taken"), "1");
  EXPECT_EQ(Get("next"), "1");
}

TEST_P(SessionStoreContractTest, WhatIsPutOffMayNotEndTheTransaction) {
  EXPECT_TRUE(
      absl::IsFailedPrecondition(connection().transaction()->ExecuteLater(
          under_test().put(), {"key", "value"})));
  ASSERT_TRUE(connection().Begin().ok());
  absl::Status status = connection().transaction()->ExecuteLater("COMMIT");
  status.Update(connection().ExecutePutOff());
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  connection().Rollback();
}

TEST_P(SessionStoreContractTest, WhatIsPutOffGoesWithTheTransaction) {
  ASSERT_TRUE(connection().Begin().ok());
  PutLater("gone", "1");
  connection().Rollback();
  ASSERT_TRUE(connection().Begin().ok());
  EXPECT_EQ(GetInside("gone"), "");
  ASSERT_TRUE(connection().ExecutePutOff().ok());
  connection().Rollback();
}

TEST_P(SessionStoreContractTest, OutsideOfATransactionNothingIsExecuted) {
  EXPECT_TRUE(absl::IsFailedPrecondition(
      connection()
          .transaction()
          ->Execute(under_test().put(), {"key", "value"})
          .status()));
}

TEST_P(SessionStoreContractTest, ItsSizeGrows) {
  const auto before = connection().MeasureSize();
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->sessions, 0u);
  ClaimOne(ClaimOf("s"));
  ASSERT_EQ(*WriteOne(ResultsOf("s", 1, 1, 1, std::string(3 << 20, 'x'))),
            true);
  const auto after = connection().MeasureSize();
  EXPECT_EQ(after->sessions, 1u);
  EXPECT_GE(after->bytes, before->bytes + (2 << 20));
}

TEST_P(SessionStoreContractTest, OnASharedStoreTheOlderOwnerIsFenced) {
  if (store().max_connections() == 1) return;
  ASSERT_EQ(ClaimOne(ClaimOf("s")).epoch, 1u);
  const auto other = *under_test().Open("process-2");
  const auto theirs = *other->Connect();
  ASSERT_EQ(theirs->ClaimSessions({ClaimOf("s")})->front().epoch, 2u);
  EXPECT_EQ(*WriteOne(ResultsOf("s", 1, 1, 1)), false);
  ASSERT_TRUE(theirs->Begin().ok());
  EXPECT_THAT(*theirs->Write({ResultsOf("s", 2, 1, 1)}), ElementsAre(true));
  EXPECT_TRUE(theirs->Commit().ok());
  Claim anew = ClaimOf("s");
  anew.epoch = 1;
  anew.anew = true;
  EXPECT_TRUE(absl::IsAborted(ClaimOne(anew).status));
}

}  // namespace
}  // namespace msgproc::processor
