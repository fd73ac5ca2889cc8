#include "tests/simulation/fleet_checker.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::simulation {
namespace {

using testing::IsEmpty;
using testing::StartsWith;

class FleetCheckerTest : public testing::Test {
 protected:
  void Pass(absl::Duration time) {
    loop_.After(time, [] {});
    ASSERT_TRUE(loop_.RunOne(absl::InfiniteFuture()));
  }
  void Report(const std::string& server, uint64_t sessions = 0,
              bool draining = false) {
    fleet_.OnReport("b", server, draining, sessions);
  }
  void Pick(const std::string& server,
            const std::vector<std::string>& excluded = {}) {
    fleet_.OnPicked("b", {server}, excluded);
  }
  const std::string& violation() const { return checker_.violation(); }

  EventLoop loop_;
  Checker checker_{1, /*stored=*/false};
  FleetChecker fleet_{
      &loop_, &checker_, /*store_fails=*/false, /*peaceful=*/false, {}};
};

TEST_F(FleetCheckerTest, AServerKeepsWhatItHasInMemory) {
  fleet_.OnWelcome("c", "p", /*lost=*/false);
  fleet_.OnDisconnected("c", absl::UnavailableError("reset"));
  Pass(absl::Seconds(19));
  fleet_.OnWelcome("c", "p", /*lost=*/false);
  EXPECT_THAT(violation(), IsEmpty());
  Pass(absl::Seconds(19));
  fleet_.OnWelcome("c", "p", /*lost=*/true);
  EXPECT_THAT(violation(), StartsWith("kept"));
}

TEST_F(FleetCheckerTest, WhatNobodyKeepsMayBeLost) {
  const auto lost = [&](const std::string& server) {
    fleet_.OnWelcome("c", server, /*lost=*/true);
    EXPECT_THAT(violation(), IsEmpty());
  };
  lost("p");
  lost("q");  // Another one.
  Pass(absl::Seconds(20));
  lost("q");  // Too late.
  fleet_.OnDraining("c");
  lost("q");  // It was sent away.
  fleet_.OnDisconnected("c", absl::OkStatus());
  lost("q");  // It left.
  fleet_.OnServerGone("q");
  lost("q");  // Another process.
}

TEST_F(FleetCheckerTest, InPeaceNoConnectionBreaks) {
  fleet_.OnDisconnected("c", absl::UnavailableError("reset"));
  EXPECT_THAT(violation(), IsEmpty());
  FleetChecker peaceful(&loop_, &checker_, /*store_fails=*/false,
                        /*peaceful=*/true, {});
  peaceful.OnDisconnected("c", absl::OkStatus());
  EXPECT_THAT(violation(), IsEmpty());
  peaceful.OnDisconnected("c", absl::UnavailableError("silence"));
  EXPECT_THAT(violation(), StartsWith("peace"));
}

TEST_F(FleetCheckerTest, NobodyLosesASessionToItself) {
  fleet_.OnClientStarted("c");
  fleet_.OnDisconnected("c", absl::UnavailableError("reset"));
  fleet_.OnClientStarted("d");
  fleet_.OnClientStarted("d");
  fleet_.OnDisconnected("d", absl::AbortedError("by a program before"));
  EXPECT_THAT(violation(), IsEmpty());
  fleet_.OnDisconnected("c", absl::AbortedError("by whom?"));
  EXPECT_THAT(violation(), StartsWith("late-open"));
}

TEST_F(FleetCheckerTest, WhoIsNotWelcomedPausesBetweenAttempts) {
  for (int i = 0; i < 24; ++i) fleet_.OnAttempt("c");
  fleet_.OnWelcome("c", "p", /*lost=*/false);
  for (int i = 0; i < 24; ++i) fleet_.OnConnecting("c", "p");
  EXPECT_THAT(violation(), IsEmpty());
  Pass(absl::Milliseconds(99));
  fleet_.OnAttempt("c");
  EXPECT_THAT(violation(), StartsWith("backoff"));
}

TEST_F(FleetCheckerTest, WhoHasFailedIsExcluded) {
  fleet_.OnLookup("c", {});
  fleet_.OnConnecting("c", "p");
  fleet_.OnLookup("c", {"q", "p"});
  fleet_.OnWelcome("c", "p", /*lost=*/false);
  fleet_.OnLookup("c", {});
  EXPECT_THAT(violation(), IsEmpty());
  fleet_.OnConnecting("c", "p");
  fleet_.OnLookup("c", {"q"});
  EXPECT_THAT(violation(), StartsWith("avoid"));
}

TEST_F(FleetCheckerTest, WhoeverIsExcludedIsGivenToNobody) {
  Report("p");
  Report("q");
  Pick("p", {"p"});  // There is no other.
  fleet_.OnPicked("b", {"p", "q"}, {"q"});
  EXPECT_THAT(violation(), IsEmpty());
  fleet_.OnPicked("b", {"q", "p"}, {"q"});
  EXPECT_THAT(violation(), StartsWith("excluded"));
}

TEST_F(FleetCheckerTest, NobodyIsSentToAServerThatDrains) {
  Report("p", 0, /*draining=*/true);
  Report("p");  // Its next process.
  Pick("p");
  EXPECT_THAT(violation(), IsEmpty());
  Report("p", 0, /*draining=*/true);
  Pick("p");
  EXPECT_THAT(violation(), StartsWith("not-to-draining"));
}

TEST_F(FleetCheckerTest, NobodyIsMovedToAServerThatDrains) {
  Report("p", 5);
  Report("q", 0, /*draining=*/true);
  fleet_.OnMoveOrder("b", "p", "q", 1);
  EXPECT_THAT(violation(), StartsWith("not-to-draining"));
}

TEST_F(FleetCheckerTest, SessionsMoveToWhereThereAreFewer) {
  Report("p", 5);
  Report("q", 1);
  fleet_.OnMoveOrder("b", "p", "q", 2);
  EXPECT_THAT(violation(), IsEmpty());
  fleet_.OnMoveOrder("b", "p", "q", 3);
  EXPECT_THAT(violation(), StartsWith("even-moves"));
}

TEST_F(FleetCheckerTest, NobodyIsMovedToNowhere) {
  Report("p", 5);
  fleet_.OnMoveOrder("b", "p", "q", 1);
  EXPECT_THAT(violation(), StartsWith("even-moves"));
}

TEST_F(FleetCheckerTest, NobodyIsSentToAServerThatIsSilent) {
  Report("p");
  Pass(absl::Seconds(4));
  for (const char* other : {"q", "r"}) {
    Report(other);
    Pick(other);
  }
  EXPECT_THAT(violation(), IsEmpty());
  Pick("p");
  EXPECT_THAT(violation(), StartsWith("lease"));
}

TEST_F(FleetCheckerTest, AFleetThatVanishedIsHandedOut) {
  for (const char* server : {"p", "q", "r"}) Report(server);
  Pass(absl::Seconds(4));
  Report("r");
  Pick("p");
  EXPECT_THAT(violation(), IsEmpty());
  fleet_.OnUnregistered("b", "r", /*in_order=*/false);
  Pick("p");
  EXPECT_THAT(violation(), IsEmpty());
}

TEST_F(FleetCheckerTest, WhoDrainsIsNotOfAFleetThatIsThere) {
  for (const char* server : {"p", "q", "r"}) Report(server);
  Pass(absl::Seconds(4));
  for (const char* other : {"q", "r"}) {
    Report(other);
    Pick(other);
  }
  Report("r", 0, /*draining=*/true);
  Pick("p");
  EXPECT_THAT(violation(), IsEmpty());
}

TEST_F(FleetCheckerTest, AFleetOfWhichNothingIsHeardIsThere) {
  fleet_.OnNothingPicked("b");  // Nobody was ever there.
  fleet_.OnRegistered("b", "p");
  Report("p");
  fleet_.OnNothingPicked("b");  // It was not found healthy yet.
  Pick("p");
  fleet_.OnUnregistered("b", "p", /*in_order=*/true);
  fleet_.OnNothingPicked("b");  // It left.
  Report("p");
  Pick("p");
  fleet_.OnServerGone("p");
  fleet_.OnNothingPicked("b");  // It ended, and its port says so.
  Report("p", 0, /*draining=*/true);
  fleet_.OnNothingPicked("b");
  Report("p");
  Pass(absl::Seconds(2));
  Report("q");
  fleet_.OnNothingPicked("b");  // That one has replaced it.
  EXPECT_THAT(violation(), IsEmpty());
  Report("p");
  Pass(absl::Seconds(60));
  fleet_.OnNothingPicked("b");
  EXPECT_THAT(violation(), StartsWith("fail-static"));
}

TEST_F(FleetCheckerTest, ABalancerKnowsOnlyWhoHasSpokenToIt) {
  Report("p");
  Pick("p");
  EXPECT_THAT(violation(), IsEmpty());
  fleet_.OnBalancerStarted("b");
  Pick("p");
  EXPECT_THAT(violation(), StartsWith("lease"));
}

TEST_F(FleetCheckerTest, AStoreForgetsWhatIsReceived) {
  fleet_.OnKept("s", 81);
  EXPECT_THAT(violation(), IsEmpty());
  fleet_.OnKept("s", 82);
  EXPECT_THAT(violation(), StartsWith("trim"));
}

}  // namespace
}  // namespace msgproc::simulation
