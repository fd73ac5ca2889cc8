// SessionTable with a store: what it claims, and what it makes of a claim.
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/processor/session/session_table.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/store_committer.h"
#include "services/processor/store/testing/memory_store.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;
using State = Session::State;

const std::string kToken(16, 't');  // NOLINT(cert-err58-cpp)

class SessionTableClaimsTest : public SessionFixture {
 protected:
  SessionTableClaimsTest() { binding_.executor = &manual_; }
  ~SessionTableClaimsTest() override { manual_.DropAll(); }

  static std::unique_ptr<StoreCommitter> Committer(MemoryDatabase* database,
                                                   const std::string& owner) {
    return std::make_unique<StoreCommitter>(
        std::make_unique<MemoryStore>(database, owner),
        StoreCommitter::Options());
  }
  // A view of the name.
  static SessionTable::Request RequestFor(absl::string_view id) {
    return {.session_id = id, .session_token = kToken};
  }
  static Claimed Make(StoreCommitter* committer, const Claim& claim) {
    std::promise<absl::StatusOr<Claimed>> made;
    committer->ClaimSession(claim, [&](absl::StatusOr<Claimed> claimed) {
      made.set_value(std::move(claimed));
    });
    absl::StatusOr<Claimed> claimed = made.get_future().get();
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return *std::move(claimed);
  }
  Claim Prepare(const SessionTable::Request& request) {
    auto claim = table_.PrepareClaim(request);
    EXPECT_TRUE(claim.ok()) << claim.status();
    EXPECT_TRUE(claim->has_value());
    return **std::move(claim);
  }
  absl::StatusOr<SessionTable::Opened> OpenClaimed(
      const SessionTable::Request& request, const Claim& claim,
      const Claimed& claimed, const Stream& stream) {
    const SessionTable::Stored stored = {.claim = &claim, .claimed = &claimed};
    return table_.Open(request, &binding_, stream, &stored);
  }
  // As a stream does it.
  absl::StatusOr<SessionTable::Opened> Open(
      const SessionTable::Request& request, const Stream& stream) {
    const Claim claim = Prepare(request);
    return OpenClaimed(request, claim, Make(committer_.get(), claim), stream);
  }
  // What a store has of a session that another process had last.
  static Claimed Elsewhere(uint64_t epoch, std::vector<Outcome> outcomes = {}) {
    Claimed claimed;
    claimed.epoch = epoch;
    claimed.handler = "echo";
    claimed.committed_through = outcomes.empty() ? 0 : outcomes.back().through;
    claimed.outcomes = std::move(outcomes);
    return claimed;
  }
  static Outcome Results(uint64_t first, uint64_t through) {
    v1::ProcessResponse response;
    for (uint64_t sequence = first; sequence <= through; ++sequence) {
      response.add_results()->set_sequence(sequence);
    }
    return {first, through, response.SerializeAsString()};
  }
  // Everything is received, and the client says goodbye.
  void Leave(const std::string& id, bool sent_away) {
    const auto stream = std::make_shared<FakeAttachedStream>();
    SessionTable::Request request = RequestFor(id);
    request.generation = {.instance = 1, .attempt = 1};
    const auto opened = Open(request, stream);
    ASSERT_TRUE(opened.ok()) << opened.status();
    table_.Detach(opened->session, stream.get(), /*finished=*/true, sent_away);
    EXPECT_EQ(counters_.sessions_attached, 0);
    EXPECT_EQ(counters_.sessions_detached, 0);
  }

  MemoryDatabase database_;
  const std::unique_ptr<StoreCommitter> committer_ =
      Committer(&database_, "mine");
  SessionTable table_{
      {.memory_budget = 0, .committer = committer_.get()}, &counters_, &clock_};
  const Stream stream_ = std::make_shared<FakeAttachedStream>();
};

TEST_F(SessionTableClaimsTest, OnlyASessionWithAClientsNameAndSecretIsClaimed) {
  for (const SessionTable::Request& request :
       {SessionTable::Request{.session_id = "a"},
        SessionTable::Request{.session_token = kToken},
        SessionTable::Request()}) {
    const auto claim = table_.PrepareClaim(request);
    ASSERT_TRUE(claim.ok()) << claim.status();
    EXPECT_FALSE(claim->has_value());
  }
  EXPECT_EQ(Prepare(RequestFor("a")).session_id, "a");
  SessionTable without_store({}, &counters_, &clock_);
  EXPECT_FALSE(without_store.PrepareClaim(RequestFor("a"))->has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(
      table_.PrepareClaim({.session_id = "a", .session_token = "short"})
          .status()));
}

TEST_F(SessionTableClaimsTest, WhoseNameOrSecretTheServerChoseIsResumedHere) {
  for (const absl::string_view name : {"", "a"}) {
    const auto opened =
        table_.Open({.session_id = name}, &binding_, stream_, nullptr);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const HostedSession::Identity& identity = opened->session->identity();
    SessionTable::Request again = {.session_id = identity.id,
                                   .session_token = identity.token};
    const auto claim = table_.PrepareClaim(again);
    ASSERT_TRUE(claim.ok()) << claim.status();
    EXPECT_FALSE(claim->has_value());
    const auto resumed = table_.Open(again, &binding_, stream_, nullptr);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(resumed->attached.opening.state, State::kResumed);
    // Somebody else's of the same name is another, and the store's.
    EXPECT_EQ(Prepare(RequestFor(identity.id)).epoch, 0U);
  }
}

TEST_F(SessionTableClaimsTest, AClaimSaysWhichOneThisProcessHas) {
  EXPECT_EQ(Prepare(RequestFor("a")).epoch, 0U);
  const auto opened = Open(RequestFor("a"), stream_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->attached.opening.state, State::kNew);
  EXPECT_EQ(Prepare(RequestFor("a")).epoch, 1U);
  EXPECT_EQ(Prepare(RequestFor("b")).epoch, 0U);
}

TEST_F(SessionTableClaimsTest, AClaimSaysHowFarThisProcessKnowsItToBe) {
  const Claim claim = Prepare(RequestFor("a"));
  EXPECT_EQ(claim.committed_through, 0U);
  ASSERT_TRUE(OpenClaimed(RequestFor("a"), claim, Elsewhere(2, {Results(1, 3)}),
                          stream_)
                  .ok());
  EXPECT_EQ(Prepare(RequestFor("a")).committed_through, 3U);
}

TEST_F(SessionTableClaimsTest, WhatIsStillOursIsResumedAsItIsHere) {
  const auto opened = Open(RequestFor("a"), stream_);
  const auto again = std::make_shared<FakeAttachedStream>();
  const auto resumed = Open(RequestFor("a"), again);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->session, opened->session);
  EXPECT_EQ(resumed->attached.opening.state, State::kResumed);
  EXPECT_FALSE(opened->session->fenced());
  EXPECT_EQ(opened->session->store_epoch(), 1U);
}

TEST_F(SessionTableClaimsTest, WhatWasOursAndHasLeftMeanwhileIsUnavailable) {
  const Claim claim = Prepare(RequestFor("a"));
  Claimed claimed = Elsewhere(1);
  claimed.still_ours = true;
  EXPECT_TRUE(absl::IsUnavailable(
      OpenClaimed(RequestFor("a"), claim, claimed, stream_).status()));
  // Likewise if it has come again since.
  ASSERT_TRUE(Open(RequestFor("a"), stream_).ok());
  claimed.epoch = 2;
  EXPECT_TRUE(absl::IsUnavailable(
      OpenClaimed(RequestFor("a"), claim, claimed, stream_).status()));
  EXPECT_EQ(stream_->taken_over, 0);
}

TEST_F(SessionTableClaimsTest, AnOpenThatArrivesLateClaimsNothing) {
  SessionTable::Request request = RequestFor("a");
  request.generation = {.instance = 7, .attempt = 2};
  ASSERT_TRUE(Open(request, stream_).ok());
  request.generation.attempt = 1;
  EXPECT_TRUE(absl::IsAborted(table_.PrepareClaim(request).status()));
  EXPECT_EQ(counters_.sessions_late, 1U);
  request.generation.attempt = 3;
  EXPECT_EQ(Prepare(request).epoch, kFirstEpochOfLaterOpen);
}

TEST_F(SessionTableClaimsTest, AClaimThatCameTooLateDisturbsNobody) {
  const Claim claim = Prepare(RequestFor("a"));
  const Claimed late = Make(committer_.get(), claim);
  ASSERT_EQ(late.epoch, 1U);
  // Another stream's, of the same process and of another one.
  Make(Committer(&database_, "another").get(), claim);
  const auto opened = Open(RequestFor("a"), stream_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_EQ(opened->session->store_epoch(), 3U);
  EXPECT_TRUE(absl::IsAborted(
      OpenClaimed(RequestFor("a"), claim, late, stream_).status()));
  EXPECT_EQ(stream_->taken_over, 0);
  EXPECT_EQ(opened->session->store_epoch(), 3U);
}

TEST_F(SessionTableClaimsTest, WhatAnotherProcessHadComesAnewAndTheOldOneGoes) {
  const auto before = Open(RequestFor("a"), stream_);
  ASSERT_TRUE(before.ok()) << before.status();
  const Claim claim = Prepare(RequestFor("a"));
  const auto stream = std::make_shared<FakeAttachedStream>();
  const auto opened = OpenClaimed(RequestFor("a"), claim,
                                  Elsewhere(3, {Results(1, 2)}), stream);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_NE(opened->session, before->session);
  EXPECT_EQ(opened->attached.opening.state, State::kResumed);
  EXPECT_EQ(opened->attached.accepted_through, 2U);
  EXPECT_EQ(Take(opened->session.get(), stream), Range(1, 2));
  EXPECT_TRUE(before->session->fenced());
  EXPECT_EQ(stream_->taken_over, 1);
  EXPECT_EQ(stream->taken_over, 0);
  EXPECT_EQ(counters_.sessions_attached, 1);

  // The end of its stream is nothing to the one that came in its place.
  table_.Detach(before->session, stream_.get(), /*finished=*/true);
  EXPECT_EQ(counters_.sessions_attached, 1);
  EXPECT_EQ(Prepare(RequestFor("a")).epoch, 3U);
}

TEST_F(SessionTableClaimsTest, ResultsThatAreBrokenAreLostAndNothingIsOpened) {
  const auto before = Open(RequestFor("a"), stream_);
  const Claim claim = Prepare(RequestFor("a"));
  Claimed claimed = Elsewhere(2, {Results(1, 2)});
  claimed.outcomes[0].results.resize(1);
  EXPECT_TRUE(
      absl::IsDataLoss(OpenClaimed(RequestFor("a"), claim, claimed,
                                   std::make_shared<FakeAttachedStream>())
                           .status()));
  EXPECT_EQ(counters_.sessions_attached, 0);
  EXPECT_EQ(Prepare(RequestFor("a")).epoch, 0U);
  // The stream of the one before ends, which is here no more.
  table_.Detach(before->session, stream_.get(), /*finished=*/false);
  EXPECT_EQ(counters_.sessions_detached, 0);
}

TEST_F(SessionTableClaimsTest, WhatTheStoreRefusesIsRefused) {
  ASSERT_TRUE(Open(RequestFor("a"), stream_).ok());
  SessionTable::Request thief = RequestFor("a");
  const std::string other(16, 'x');
  thief.session_token = other;
  const auto refused = Open(thief, std::make_shared<FakeAttachedStream>());
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
  EXPECT_EQ(stream_->taken_over, 0);
}

TEST_F(SessionTableClaimsTest, ASessionInMemoryIsNoneOfTheStores) {
  SessionTable::Request in_memory = RequestFor("a");
  const std::string secret(16, 'm');
  in_memory.session_token = secret;
  const auto kept = table_.Open(in_memory, &binding_, stream_);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(Prepare(RequestFor("a")).epoch, 0U);
  const auto refused =
      Open(RequestFor("a"), std::make_shared<FakeAttachedStream>());
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("session_token"));
  EXPECT_EQ(stream_->taken_over, 0);
  EXPECT_EQ(counters_.sessions_attached, 1);
}

TEST_F(SessionTableClaimsTest, WhoHasLeftForGoodIsForgottenByTheStore) {
  Leave("sent away", /*sent_away=*/true);
  Leave("done", /*sent_away=*/false);
  EXPECT_TRUE(base::Eventually([&] { return !database_.HasSession("done"); },
                               absl::Seconds(60)));
  EXPECT_TRUE(database_.HasSession("sent away"));
}

TEST_F(SessionTableClaimsTest, ASessionThatIsFencedGoesWithItsStream) {
  const auto opened = Open(RequestFor("a"), stream_);
  opened->session->GiveUp();
  table_.Detach(opened->session, stream_.get(), /*finished=*/false);
  EXPECT_EQ(counters_.sessions_attached, 0);
  EXPECT_EQ(counters_.sessions_detached, 0);
  EXPECT_TRUE(database_.HasSession("a"));
}

}  // namespace
}  // namespace msgproc::processor
