#include "services/etcd/lease_state.h"

#include <algorithm>
#include <cstdint>
#include <random>

#include "common/state_dump.h"
#include "gtest/gtest.h"

namespace msgproc::etcd {
namespace {

using Phase = LeaseState::Phase;
using Request = LeaseState::Request;

constexpr absl::Duration kTtl = absl::Seconds(6);
constexpr absl::Duration kMoment = absl::Milliseconds(1);

class LeaseStateTest : public testing::Test {
 protected:
  LeaseState::Actions Next() { return state_.Next(now_); }
  // What is asked for now; it must be `request`.
  int64_t Asks(Request request) {
    const LeaseState::Actions actions = Next();
    EXPECT_EQ(actions.request, request);
    return actions.lease;
  }
  void ExpectWaitUntil(absl::Time when) {
    const LeaseState::Actions actions = Next();
    EXPECT_EQ(actions.request, Request::kNone);
    EXPECT_EQ(actions.wake, when);
  }
  void Grant(int64_t lease) {
    EXPECT_EQ(Asks(Request::kGrant), 0);
    state_.OnGranted(now_, lease, kTtl);
  }
  void Hold(int64_t lease) {
    Grant(lease);
    EXPECT_EQ(Asks(Request::kClaim), lease);
    state_.OnClaimed(now_, true);
  }
  void Fail(bool lease_gone = false) {
    state_.OnFailed(now_, lease_gone, random_);
  }
  // The pause that begins now.
  absl::Duration Pause() {
    const LeaseState::Actions actions = Next();
    EXPECT_EQ(actions.request, Request::kNone);
    return actions.wake - now_;
  }

  std::mt19937_64 random_{1};
  absl::Time now_ = absl::UnixEpoch();
  const absl::Time start_ = now_;
  LeaseState state_{{.ttl = kTtl}};
};

TEST_F(LeaseStateTest, IsGrantedALeaseThenClaimsItsKey) {
  EXPECT_EQ(state_.phase(), Phase::kNoLease);
  Grant(7);
  EXPECT_EQ(state_.phase(), Phase::kLeased);
  EXPECT_EQ(state_.lease(), 7);
  EXPECT_FALSE(state_.held(now_));
  EXPECT_FALSE(state_.fresh());
  EXPECT_EQ(Asks(Request::kClaim), 7);
  state_.OnClaimed(now_, true);
  EXPECT_EQ(state_.phase(), Phase::kHeld);
  EXPECT_TRUE(state_.held(now_));
  EXPECT_TRUE(state_.fresh());
  ExpectWaitUntil(now_ + kTtl / 3);
}

TEST_F(LeaseStateTest, AsksForOneThingAtATime) {
  Asks(Request::kGrant);
  ExpectWaitUntil(absl::InfiniteFuture());
}

TEST_F(LeaseStateTest, IsKeptAliveThreeTimesATtl) {
  Hold(7);
  for (int i = 0; i < 5; ++i) {
    now_ += kTtl / 3 - kMoment;
    EXPECT_EQ(Next().request, Request::kNone);
    now_ += kMoment;
    EXPECT_EQ(Asks(Request::kKeepAlive), 7);
    state_.OnKeptAlive(now_, kTtl);
    EXPECT_TRUE(state_.held(now_ + kTtl - kMoment));
    EXPECT_FALSE(state_.held(now_ + kTtl));
  }
}

TEST_F(LeaseStateTest, ALeaseLastsFromWhenItWasAskedFor) {
  Hold(7);
  now_ += kTtl / 3;
  Asks(Request::kKeepAlive);
  const absl::Time asked = now_;
  now_ += absl::Seconds(1);
  state_.OnKeptAlive(now_, absl::Seconds(9));
  EXPECT_TRUE(state_.held(asked + absl::Seconds(9) - kMoment));
  EXPECT_FALSE(state_.held(asked + absl::Seconds(9)));
  ExpectWaitUntil(asked + absl::Seconds(3));
}

TEST_F(LeaseStateTest, ATtlOfZeroMeansThatTheLeaseIsGone) {
  Hold(7);
  now_ += kTtl;
  Asks(Request::kKeepAlive);
  state_.OnKeptAlive(now_, absl::ZeroDuration());
  EXPECT_EQ(state_.phase(), Phase::kNoLease);
  EXPECT_EQ(state_.lease(), 0);
  EXPECT_EQ(state_.leases_lost(), 1U);
  EXPECT_FALSE(state_.held(now_));
  Hold(8);
  EXPECT_TRUE(state_.held(now_));
}

TEST_F(LeaseStateTest, AClaimThatFindsNoLeaseBeginsAnew) {
  Grant(7);
  Asks(Request::kClaim);
  Fail(/*lease_gone=*/true);
  EXPECT_EQ(state_.phase(), Phase::kNoLease);
  now_ += absl::Seconds(1);
  Hold(8);
  EXPECT_EQ(state_.leases_lost(), 1U);
}

TEST_F(LeaseStateTest, AGrantThatFindsNoLeaseIsAFailureLikeAnyOther) {
  Asks(Request::kGrant);
  Fail(/*lease_gone=*/true);
  EXPECT_EQ(state_.leases_lost(), 0U);
  EXPECT_EQ(state_.failures(), 1U);
}

TEST_F(LeaseStateTest, TriesAgainEverLaterButNotForLong) {
  absl::Duration most = absl::Milliseconds(100);
  for (int i = 0; i < 6; ++i) {
    Asks(Request::kGrant);
    Fail();
    const absl::Duration pause = Pause();
    EXPECT_GE(pause, most / 2);
    EXPECT_LE(pause, most);
    now_ += pause;
    most = std::min(2 * most, absl::Seconds(1));
  }
  EXPECT_EQ(state_.failures(), 6U);
  EXPECT_EQ(most, absl::Seconds(1));
  Asks(Request::kGrant);
  state_.OnGranted(now_, 7, kTtl);
  Asks(Request::kClaim);
  Fail();
  EXPECT_LE(Pause(), absl::Milliseconds(100));
}

TEST_F(LeaseStateTest, WhatEtcdDoesNotAnswerIsNotGivenUp) {
  Hold(7);
  now_ += kTtl / 3;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Asks(Request::kKeepAlive), 7);
    now_ += absl::Seconds(2);
    Fail();
    now_ += Pause();
  }
  EXPECT_EQ(state_.phase(), Phase::kHeld);
  EXPECT_FALSE(state_.held(now_));
  Asks(Request::kKeepAlive);
  state_.OnKeptAlive(now_, kTtl);
  EXPECT_TRUE(state_.held(now_));
  EXPECT_EQ(state_.leases_lost(), 0U);
}

TEST_F(LeaseStateTest, ANewValueIsWrittenAtOnce) {
  Hold(7);
  now_ += kMoment;
  state_.Refresh();
  EXPECT_FALSE(state_.fresh());
  EXPECT_EQ(Asks(Request::kClaim), 7);
  state_.OnClaimed(now_, true);
  EXPECT_TRUE(state_.fresh());
  ExpectWaitUntil(start_ + kTtl / 3);
}

TEST_F(LeaseStateTest, AValueThatComesWhileOneIsWrittenIsWrittenNext) {
  Grant(7);
  Asks(Request::kClaim);
  state_.Refresh();
  state_.OnClaimed(now_, true);
  EXPECT_FALSE(state_.fresh());
  Asks(Request::kClaim);
  state_.OnClaimed(now_, true);
  EXPECT_TRUE(state_.fresh());
}

TEST_F(LeaseStateTest, AValueThatCouldNotBeWrittenIsWrittenLater) {
  Hold(7);
  state_.Refresh();
  Asks(Request::kClaim);
  Fail();
  EXPECT_EQ(state_.phase(), Phase::kHeld);
  EXPECT_FALSE(state_.fresh());
  now_ += Pause();
  EXPECT_EQ(Asks(Request::kClaim), 7);
}

TEST_F(LeaseStateTest, KeepingAliveComesBeforeWriting) {
  Hold(7);
  now_ += kTtl / 3;
  state_.Refresh();
  Asks(Request::kKeepAlive);
  state_.OnKeptAlive(now_, kTtl);
  Asks(Request::kClaim);
}

TEST_F(LeaseStateTest, WaitsForAKeyThatIsSomebodyElses) {
  Grant(7);
  Asks(Request::kClaim);
  now_ += kMoment;
  state_.OnClaimed(now_, false);
  EXPECT_EQ(state_.phase(), Phase::kLeased);
  EXPECT_FALSE(state_.held(now_));
  const absl::Time claimed = now_;
  // The lease is kept alive meanwhile.
  ExpectWaitUntil(start_ + kTtl / 3);
  now_ = start_ + kTtl / 3;
  Asks(Request::kKeepAlive);
  state_.OnKeptAlive(now_, kTtl);
  ExpectWaitUntil(claimed + kTtl / 3);
  now_ = claimed + kTtl / 3;
  Asks(Request::kClaim);
  state_.OnClaimed(now_, true);
  EXPECT_TRUE(state_.held(now_));
}

TEST_F(LeaseStateTest, AKeyMayTurnOutToBeSomebodyElses) {
  Hold(7);
  state_.Refresh();
  Asks(Request::kClaim);
  state_.OnClaimed(now_, false);
  EXPECT_EQ(state_.phase(), Phase::kLeased);
  EXPECT_FALSE(state_.held(now_));
}

TEST_F(LeaseStateTest, ANewLeaseDoesNotWaitForSomebodyElse) {
  Grant(7);
  Asks(Request::kClaim);
  state_.OnClaimed(now_, false);
  now_ += kTtl / 3 - kMoment;
  EXPECT_EQ(Next().request, Request::kNone);
  now_ = start_ + kTtl / 3;
  Asks(Request::kKeepAlive);
  state_.OnKeptAlive(now_, absl::ZeroDuration());
  now_ = start_ + kTtl / 3 - kMoment;
  Hold(8);
}

TEST_F(LeaseStateTest, LeavesByRevoking) {
  Hold(7);
  state_.Leave();
  EXPECT_EQ(Asks(Request::kRevoke), 7);
  state_.OnRevoked();
  EXPECT_EQ(state_.phase(), Phase::kLeft);
  EXPECT_EQ(state_.lease(), 0);
  EXPECT_FALSE(state_.held(now_));
  ExpectWaitUntil(absl::InfiniteFuture());
}

TEST_F(LeaseStateTest, LeavesAtOnceAlsoAfterAFailure) {
  Hold(7);
  now_ += kTtl / 3;
  Asks(Request::kKeepAlive);
  Fail();
  state_.Leave();
  Asks(Request::kRevoke);
  Fail();
  EXPECT_EQ(state_.phase(), Phase::kHeld);
  EXPECT_EQ(Asks(Request::kRevoke), 7);
  Fail();
  EXPECT_EQ(state_.phase(), Phase::kLeft);
  EXPECT_EQ(state_.lease(), 0);
  EXPECT_EQ(state_.failures(), 1U);
}

TEST_F(LeaseStateTest, ALeaseThatIsGoneNeedNoMoreBeRevoked) {
  Hold(7);
  state_.Leave();
  Asks(Request::kRevoke);
  Fail(/*lease_gone=*/true);
  EXPECT_EQ(state_.phase(), Phase::kLeft);
}

TEST_F(LeaseStateTest, HasLeftWhereThereIsNothingToRevoke) {
  state_.Leave();
  state_.Leave();
  EXPECT_EQ(state_.phase(), Phase::kLeft);
  ExpectWaitUntil(absl::InfiniteFuture());
}

TEST_F(LeaseStateTest, ALeaseThatIsBeingGrantedIsRevoked) {
  Asks(Request::kGrant);
  state_.Leave();
  EXPECT_EQ(state_.phase(), Phase::kNoLease);
  state_.OnGranted(now_, 7, kTtl);
  EXPECT_EQ(Asks(Request::kRevoke), 7);
}

TEST_F(LeaseStateTest, AGrantThatFailsWhileItLeavesIsTheEnd) {
  Asks(Request::kGrant);
  state_.Leave();
  Fail();
  EXPECT_EQ(state_.phase(), Phase::kLeft);
}

TEST_F(LeaseStateTest, ALeaseThatIsGoneWhileItLeavesIsTheEnd) {
  Hold(7);
  now_ += kTtl / 3;
  Asks(Request::kKeepAlive);
  state_.Leave();
  state_.OnKeptAlive(now_, absl::ZeroDuration());
  EXPECT_EQ(state_.phase(), Phase::kLeft);
}

TEST_F(LeaseStateTest, AFailureWhileItLeavesKeepsTheLeaseToBeRevoked) {
  Hold(7);
  state_.Refresh();
  Asks(Request::kClaim);
  state_.Leave();
  Fail();
  EXPECT_EQ(Asks(Request::kRevoke), 7);
}

TEST_F(LeaseStateTest, ItsDumpSaysWhatItWaitsFor) {
  EXPECT_EQ(state_.Dump(now_).machine(), "etcd::LeaseState");
  EXPECT_EQ(state_.Dump(now_)["phase"], "no lease");
  EXPECT_EQ(state_.Dump(now_)["under_way"], "none");
  Asks(Request::kGrant);
  Fail();
  EXPECT_EQ(state_.Dump(now_)["failures"], "1");
  EXPECT_EQ(state_.Dump(now_)["retry_at"].substr(0, 3), "in ");
  now_ += absl::Seconds(1);
  Asks(Request::kGrant);
  EXPECT_EQ(state_.Dump(now_ + kMoment)["under_way"], "grant");
  EXPECT_EQ(state_.Dump(now_ + kMoment)["asked_at"], "1ms ago");
  state_.OnGranted(now_, 0x1f, kTtl);
  EXPECT_EQ(state_.Dump(now_)["phase"], "leased");
  EXPECT_EQ(state_.Dump(now_)["lease"], "1f");
  EXPECT_EQ(state_.Dump(now_)["lease_ends"], "in 6s");
  Asks(Request::kClaim);
  EXPECT_EQ(state_.Dump(now_)["under_way"], "claim");
  state_.OnClaimed(now_, true);
  EXPECT_EQ(state_.Dump(now_)["phase"], "held");
  EXPECT_EQ(state_.Dump(now_)["stale"], "false");
  state_.Refresh();
  EXPECT_EQ(state_.Dump(now_)["stale"], "true");
  state_.Leave();
  EXPECT_EQ(state_.Dump(now_)["leaving"], "true");
  Asks(Request::kRevoke);
  EXPECT_EQ(state_.Dump(now_)["under_way"], "revoke");
}

}  // namespace
}  // namespace msgproc::etcd
