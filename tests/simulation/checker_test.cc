#include "tests/simulation/checker.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::simulation {
namespace {

using testing::IsEmpty;
using testing::StartsWith;

// One client, whose two messages were sent and handled by "p".
class CheckerTest : public testing::Test {
 protected:
  CheckerTest() {
    for (Checker* checker : {&memory_, &stored_}) {
      checker->OnSent(0, 1, "a");
      checker->OnSent(0, 2, "b");
      checker->OnHandled("p", 0, 1, "a");
      checker->OnHandled("p", 0, 2, "b");
    }
    stored_.OnCreated(0);
    stored_.OnCommitted(0, 2);
  }
  static void Answer(Checker* checker, uint64_t sequence,
                     const std::string& payload) {
    checker->OnResult(0, sequence, true, Checker::ResultOf(payload));
  }

  Checker memory_{1, /*stored=*/false};
  Checker stored_{1, /*stored=*/true};
};

TEST_F(CheckerTest, WhatIsInOrderIsInOrder) {
  Answer(&stored_, 1, "a");
  Answer(&stored_, 2, "b");
  EXPECT_FALSE(stored_.AllClosed());
  stored_.OnClosed(0, "");
  EXPECT_TRUE(stored_.AllClosed());
  stored_.OnEffects({{{0, 1}, 1}, {{0, 2}, 1}});
  stored_.OnEnd(true);
  EXPECT_THAT(stored_.violation(), IsEmpty());
  EXPECT_EQ(stored_.results(), 2U);
  EXPECT_EQ(stored_.handled(), 2U);
}

TEST_F(CheckerTest, TheFirstViolationStands) {
  memory_.Fail("one", "thing");
  memory_.Fail("another", "thing");
  EXPECT_EQ(memory_.violation(), "one: thing");
}

TEST_F(CheckerTest, TwoResults) {
  Answer(&memory_, 1, "a");
  Answer(&memory_, 1, "a");
  EXPECT_THAT(memory_.violation(), StartsWith("one-result"));
}

TEST_F(CheckerTest, AResultTooFew) {
  Answer(&memory_, 1, "a");
  memory_.OnClosed(0, "");
  EXPECT_THAT(memory_.violation(), StartsWith("one-result"));
}

TEST_F(CheckerTest, AResultAfterTheEnd) {
  Answer(&memory_, 1, "a");
  Answer(&memory_, 2, "b");
  memory_.OnClosed(0, "");
  Answer(&memory_, 2, "b");
  EXPECT_THAT(memory_.violation(), StartsWith("one-result"));
}

TEST_F(CheckerTest, ResultsOutOfOrder) {
  Answer(&memory_, 2, "b");
  EXPECT_THAT(memory_.violation(), StartsWith("in-order"));
}

TEST_F(CheckerTest, NumbersOutOfOrder) {
  memory_.OnSent(0, 4, "d");
  EXPECT_THAT(memory_.violation(), StartsWith("in-order"));
}

TEST_F(CheckerTest, AResultOfAnotherMessage) {
  Answer(&memory_, 1, "b");
  EXPECT_THAT(memory_.violation(), StartsWith("its-own"));
}

TEST_F(CheckerTest, AnErrorWhereThereShouldBeNone) {
  memory_.OnResult(0, 1, false, Checker::ResultOf("a"));
  EXPECT_THAT(memory_.violation(), StartsWith("its-own"));
}

TEST_F(CheckerTest, AnErrorForAMessageThatWasGivenUp) {
  memory_.OnGivenUp(0, 1);
  memory_.OnResult(0, 1, false, "its workers died");
  EXPECT_THAT(memory_.violation(), IsEmpty());
  memory_.OnResult(0, 2, false, "its workers died");
  EXPECT_THAT(memory_.violation(), StartsWith("its-own"));
}

TEST_F(CheckerTest, WhatWasNeverSent) {
  memory_.OnHandled("p", 0, 3, "c");
  EXPECT_THAT(memory_.violation(), StartsWith("its-own"));
}

TEST_F(CheckerTest, AHandlerThatGetsSomethingElse) {
  memory_.OnHandled("p", 0, 2, "a");
  EXPECT_THAT(memory_.violation(), StartsWith("its-own"));
}

TEST_F(CheckerTest, AResultOfNobody) {
  memory_.OnSent(0, 3, "c");
  Answer(&memory_, 1, "a");
  Answer(&memory_, 2, "b");
  Answer(&memory_, 3, "c");
  EXPECT_THAT(memory_.violation(), StartsWith("at-least-once"));
}

TEST_F(CheckerTest, WhatOnlyAZombieRepeatsIsNoRerun) {
  Answer(&stored_, 1, "a");
  stored_.OnHandled("p", 0, 1, "a");
  EXPECT_THAT(stored_.violation(), IsEmpty());
  stored_.OnWelcome(0, "q", /*lost=*/false, "");
  stored_.OnHandled("p", 0, 1, "a");
  EXPECT_THAT(stored_.violation(), IsEmpty());
  stored_.OnHandled("q", 0, 2, "b");
  EXPECT_THAT(stored_.violation(), IsEmpty()) << "it had no result";
  stored_.OnHandled("q", 0, 1, "a");
  EXPECT_THAT(stored_.violation(), StartsWith("no-rerun"));
}

TEST_F(CheckerTest, InMemoryOnlyWhoAnsweredAMessageMustNotDoItAgain) {
  memory_.OnWelcome(0, "p", /*lost=*/false, "");
  Answer(&memory_, 1, "a");
  memory_.OnWelcome(0, "q", /*lost=*/false, "");
  memory_.OnHandled("q", 0, 1, "a");
  memory_.OnHandled("q", 0, 1, "a");
  EXPECT_THAT(memory_.violation(), IsEmpty()) << "it was at it still";
  memory_.OnWelcome(0, "p", /*lost=*/false, "");
  memory_.OnHandled("p", 0, 1, "a");
  EXPECT_THAT(memory_.violation(), StartsWith("no-rerun"));
}

TEST_F(CheckerTest, AnAbandonedSessionMayHaveTakenEffectOnce) {
  EXPECT_EQ(stored_.AddSession(), 1);
  stored_.OnAbandoned(0);
  EXPECT_FALSE(stored_.AllClosed());
  stored_.OnClosed(1, "");
  EXPECT_TRUE(stored_.AllClosed());
  Checker other = stored_;
  stored_.OnEffects({{{0, 1}, 1}});
  EXPECT_THAT(stored_.violation(), IsEmpty());
  other.OnEffects({{{0, 1}, 2}});
  EXPECT_THAT(other.violation(), StartsWith("exactly-once"));
}

TEST_F(CheckerTest, WhatAnAbandonedSessionHasAResultOfTookEffect) {
  Answer(&stored_, 1, "a");
  stored_.OnAbandoned(0);
  stored_.OnEffects({});
  EXPECT_THAT(stored_.violation(), StartsWith("exactly-once"));
}

TEST_F(CheckerTest, AResultComesAgainIfTheFileDoesNotKnowOfIt) {
  stored_.OnSendReturned(0, 2);
  Answer(&stored_, 1, "a");
  stored_.OnReturned(0, 1);
  Answer(&stored_, 2, "b");
  stored_.OnReopened(0, /*received=*/1, /*next=*/3, true);
  Answer(&stored_, 2, "b");
  EXPECT_THAT(stored_.violation(), IsEmpty());
  stored_.OnWelcome(0, "p", /*lost=*/false, "");
  stored_.OnHandled("p", 0, 2, "b");
  EXPECT_THAT(stored_.violation(), StartsWith("no-rerun"));
}

TEST_F(CheckerTest, AnOutboxWithoutAMessageForWhichSendHadReturned) {
  memory_.OnSendReturned(0, 2);
  memory_.OnReopened(0, 0, /*next=*/2, true);
  EXPECT_THAT(memory_.violation(), StartsWith("outbox"));
}

TEST_F(CheckerTest, AnOutboxThatForgetsAResultBeforeItsCallbackReturned) {
  Answer(&memory_, 1, "a");
  memory_.OnReopened(0, /*received=*/1, 3, true);
  EXPECT_THAT(memory_.violation(), StartsWith("outbox"));
}

TEST_F(CheckerTest, WhatIsNotInTheOutboxWasSeenByNobody) {
  memory_.OnSent(0, 3, "c");
  Checker other = memory_;
  memory_.OnReopened(0, 0, /*next=*/3, true);
  memory_.OnSent(0, 3, "another");
  EXPECT_THAT(memory_.violation(), IsEmpty());
  other.OnHandled("p", 0, 3, "c");
  other.OnReopened(0, 0, /*next=*/3, true);
  EXPECT_THAT(other.violation(), StartsWith("outbox"));
}

TEST_F(CheckerTest, WithAStoreNothingIsLost) {
  memory_.OnWelcome(0, "p", /*lost=*/true, "");
  EXPECT_THAT(memory_.violation(), IsEmpty());
  stored_.OnWelcome(0, "p", /*lost=*/true, "");
  EXPECT_THAT(stored_.violation(), StartsWith("once-kept"));
}

TEST_F(CheckerTest, AResultThatIsNotCommitted) {
  stored_.OnSent(0, 3, "c");
  stored_.OnHandled("p", 0, 3, "c");
  Answer(&stored_, 1, "a");
  Answer(&stored_, 2, "b");
  EXPECT_THAT(stored_.violation(), IsEmpty());
  Answer(&stored_, 3, "c");
  EXPECT_THAT(stored_.violation(), StartsWith("durable"));
}

// A client that was welcomed and has its first result, and its store that is
// lost then but for `committed`.
class LostStoreTest : public CheckerTest {
 protected:
  void Lose(const std::string& generation,
            const std::map<int, uint64_t>& committed) {
    Open("one");
    Answer(&stored_, 1, "a");
    stored_.OnStoreLost(generation, committed);
  }
  void Open(const std::string& generation) {
    stored_.OnOpened(0, absl::UnixEpoch());
    stored_.OnWelcome(0, "p", /*lost=*/false, generation);
  }
};

TEST_F(LostStoreTest, WhoLostNothingGoesOnAndIsNotTold) {
  Lose("one", {{0, 1}});
  Open("one");
  EXPECT_THAT(stored_.violation(), IsEmpty());
  stored_.OnTold(0, "DATA_LOSS");
  EXPECT_THAT(stored_.violation(), StartsWith("told"));
}

TEST_F(LostStoreTest, WhoHasResultsThatTheStoreLacksIsTold) {
  Lose("one", {{0, 0}});
  Checker other = stored_;
  other.OnTold(0, "DATA_LOSS");
  EXPECT_THAT(other.violation(), IsEmpty());
  Open("one");
  EXPECT_THAT(stored_.violation(), StartsWith("told"));
}

TEST_F(LostStoreTest, WhoseSessionIsNotThereIsTold) {
  stored_.OnOpened(0, absl::UnixEpoch());
  stored_.OnWelcome(0, "p", /*lost=*/false, "one");
  stored_.OnStoreLost("one", {});
  Checker other = stored_;
  other.OnTold(0, "DATA_LOSS");
  EXPECT_THAT(other.violation(), IsEmpty());
  Open("one");
  EXPECT_THAT(stored_.violation(), StartsWith("told"));
}

TEST_F(LostStoreTest, WhoKnowsAnotherStoreIsTold) {
  Lose("two", {{0, 2}});
  Open("two");
  EXPECT_THAT(stored_.violation(), StartsWith("told"));
}

TEST_F(LostStoreTest, AWelcomeThatWasUnderWayTellsNothing) {
  stored_.OnOpened(0, absl::UnixEpoch());
  Answer(&stored_, 1, "a");
  stored_.OnStoreLost("one", {});
  stored_.OnWelcome(0, "p", /*lost=*/false, "one");
  EXPECT_THAT(stored_.violation(), IsEmpty());
}

TEST_F(LostStoreTest, WithoutALossNobodyIsTold) {
  Open("one");
  stored_.OnTold(0, "DATA_LOSS");
  EXPECT_THAT(stored_.violation(), StartsWith("told"));
}

TEST_F(LostStoreTest, WhatTheStoreLostIsOnceOrNever) {
  Lose("one", {});
  Checker other = stored_;
  stored_.OnEffects({});
  EXPECT_THAT(stored_.violation(), IsEmpty());
  other.OnEffects({{{0, 1}, 2}});
  EXPECT_THAT(other.violation(), StartsWith("exactly-once"));
}

TEST_F(CheckerTest, ASessionThatIsInUseDoesNotExpire) {
  const absl::Time opened = absl::UnixEpoch();
  stored_.OnOpened(0, opened);
  stored_.OnWelcome(0, "p", /*lost=*/false, "");
  stored_.OnExpired(0, opened + absl::Seconds(5), absl::Seconds(5), "EXPIRED");
  EXPECT_THAT(stored_.violation(), IsEmpty());
  stored_.OnExpired(0, opened + absl::Seconds(4), absl::Seconds(5), "EXPIRED");
  EXPECT_THAT(stored_.violation(), StartsWith("expiry"));
}

TEST_F(CheckerTest, AnEffectThatIsThereTwiceOrNever) {
  Checker other = stored_;
  stored_.OnEffects({{{0, 1}, 2}, {{0, 2}, 1}});
  EXPECT_THAT(stored_.violation(), StartsWith("exactly-once"));
  other.OnEffects({{{0, 1}, 1}});
  EXPECT_THAT(other.violation(), StartsWith("exactly-once"));
}

TEST_F(CheckerTest, WhoIsNotDoneInTimeAndWhoEndsWithAnError) {
  Checker other = memory_;
  memory_.OnEnd(false);
  EXPECT_THAT(memory_.violation(), StartsWith("liveness"));
  other.OnClosed(0, "UNAVAILABLE");
  EXPECT_THAT(other.violation(), StartsWith("liveness"));
}

// Two clients, of two sessions on one server.
class CheckerBoundsTest : public testing::Test {
 protected:
  CheckerBoundsTest() {
    for (int client = 0; client < 2; ++client) {
      checker_.OnWelcome(client, "p", false, "");
      for (uint64_t i = 1; i <= 10; ++i) checker_.OnSent(client, i, "1234");
    }
  }
  void Handle(int client, uint64_t sequence) {
    checker_.OnHandled("p", client, sequence, "1234");
  }

  const size_t result_ = Checker::ResultOf("1234").size();
  Checker checker_{
      2,
      /*stored=*/false,
      {.window = 5, .session_bytes = 4 * result_, .server_bytes = 6 * result_}};
};

TEST_F(CheckerBoundsTest, WhatIsReadMakesRoom) {
  for (uint64_t i = 1; i <= 10; ++i) {
    Handle(0, i);
    if (i > 3) checker_.OnArrived(0, i - 3);
  }
  EXPECT_THAT(checker_.violation(), IsEmpty());
}

TEST_F(CheckerBoundsTest, HandledBeyondTheWindow) {
  Handle(0, 6);
  EXPECT_THAT(checker_.violation(), StartsWith("window"));
}

TEST_F(CheckerBoundsTest, TooManyResultsOfASession) {
  for (uint64_t i = 1; i <= 4; ++i) Handle(0, i);
  // Once more is not more.
  Handle(0, 4);
  EXPECT_THAT(checker_.violation(), IsEmpty());
  Handle(0, 5);
  EXPECT_THAT(checker_.violation(), StartsWith("held"));
}

TEST_F(CheckerBoundsTest, TooManyResultsOfAll) {
  for (uint64_t i = 1; i <= 3; ++i) Handle(0, i);
  for (uint64_t i = 1; i <= 3; ++i) Handle(1, i);
  EXPECT_THAT(checker_.violation(), IsEmpty());
  Handle(1, 4);
  EXPECT_THAT(checker_.violation(), StartsWith("memory"));
}

TEST_F(CheckerBoundsTest, SessionsElsewhereDoNotCount) {
  for (uint64_t i = 1; i <= 4; ++i) Handle(0, i);
  checker_.OnWelcome(0, "q", false, "");
  for (uint64_t i = 1; i <= 4; ++i) Handle(1, i);
  EXPECT_THAT(checker_.violation(), IsEmpty());
}

}  // namespace
}  // namespace msgproc::simulation
