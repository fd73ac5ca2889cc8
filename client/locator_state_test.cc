#include "client/locator_state.h"

#include <cstddef>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::GetServerResponse Answer(const std::vector<std::string>& addresses) {
  v1::GetServerResponse response;
  for (size_t i = 0; i < addresses.size(); ++i) {
    v1::Server* const server =
        i == 0 ? response.mutable_server() : response.add_alternatives();
    server->set_address(addresses[i]);
  }
  return response;
}

TEST(LocatorStateTest, AsksWithTheKeyAndWhatFailed) {
  LocatorState state({"b1"}, "key");
  state.Begin({"s1", "s2"});
  EXPECT_EQ(state.balancer(), "b1");
  EXPECT_EQ(state.request().affinity_key(), "key");
  EXPECT_THAT(state.request().exclude(), ElementsAre("s1", "s2"));
  EXPECT_EQ(state.OnAnswer(Answer({"s3", "s4"})), "s3");
}

TEST(LocatorStateTest, SaysWhereTheClientIsIfThatIsKnown) {
  EXPECT_FALSE(LocatorState({"b1"}, "key").request().has_locality());
  const v1::GetServerRequest request =
      LocatorState({"b1"}, "key", {"eu", "a", "rack-7"}).request();
  EXPECT_EQ(request.locality().region(), "eu");
  EXPECT_EQ(request.locality().zone(), "a");
  EXPECT_EQ(request.locality().sub_zone(), "rack-7");
}

TEST(LocatorStateTest, ExcludesNoMoreThanABalancerTakes) {
  LocatorState state({"b1"}, "");
  std::vector<std::string> failed;
  for (int i = 0; i < 100; ++i) failed.push_back(std::to_string(i));
  state.Begin(failed);
  EXPECT_EQ(state.request().exclude_size(), 64);
  EXPECT_EQ(state.request().exclude(63), "99");
}

TEST(LocatorStateTest, AsksTheNextBalancerWhenOneIsDown) {
  LocatorState state({"b1", "b2", "b3"}, "");
  state.Begin({});
  EXPECT_EQ(state.balancer(), "b1");
  EXPECT_FALSE(state.OnError(absl::UnavailableError("down")).has_value());
  EXPECT_EQ(state.balancer(), "b2");
  EXPECT_EQ(state.OnAnswer(Answer({"s1"})), "s1");
  // And stays with the one that answers, all around if need be.
  state.Begin({});
  EXPECT_EQ(state.balancer(), "b2");
  EXPECT_FALSE(state.OnError(absl::UnavailableError("down")).has_value());
  EXPECT_EQ(state.balancer(), "b3");
  EXPECT_FALSE(state.OnError(absl::UnavailableError("down")).has_value());
  EXPECT_EQ(state.balancer(), "b1");
}

TEST(LocatorStateTest, ARoundThatWasGivenUpDoesNotCountAgainstABalancer) {
  LocatorState state({"b1", "b2"}, "");
  state.Begin({});
  EXPECT_FALSE(state.OnError(absl::UnavailableError("down")).has_value());
  state.Begin({});
  EXPECT_EQ(state.balancer(), "b1");
}

TEST(LocatorStateTest, SaysWhatEveryBalancerSaid) {
  LocatorState state({"b1", "b2"}, "");
  state.Begin({});
  EXPECT_FALSE(state.OnError(absl::DeadlineExceededError("late")).has_value());
  const auto end = state.OnError(absl::UnavailableError("no server"));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(end->status().message()),
              HasSubstr("b1: late; b2: no server"));
}

TEST(LocatorStateTest, SaysWhoSaidWhat) {
  LocatorState state({"b1", "b2", "b3"}, "");
  state.Begin({});
  state.OnError(absl::UnavailableError("one"));
  state.OnError(absl::UnavailableError("two"));
  const auto end = state.OnError(absl::UnavailableError("three"));
  ASSERT_TRUE(end.has_value());
  EXPECT_THAT(std::string(end->status().message()),
              HasSubstr("b1: one; b2: two; b3: three"));
}

TEST(LocatorStateTest, WhatMayPassIsWorthAskingAgain) {
  for (const absl::Status& passing :
       {absl::UnavailableError(""), absl::DeadlineExceededError(""),
        absl::ResourceExhaustedError("")}) {
    LocatorState alone({"b1"}, "");
    alone.Begin({});
    EXPECT_EQ(alone.OnError(passing)->status().code(),
              absl::StatusCode::kUnavailable);
    // One of several is enough, whoever said it.
    LocatorState first({"b1", "b2"}, "");
    first.Begin({});
    first.OnError(passing);
    EXPECT_EQ(first.OnError(absl::UnimplementedError(""))->status().code(),
              absl::StatusCode::kUnavailable);
  }
}

TEST(LocatorStateTest, AReasonThatWillNotGoAwayIsGivenAsItIs) {
  LocatorState state({"b1"}, "");
  state.Begin({});
  const auto end = state.OnError(absl::UnimplementedError("not a balancer"));
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->status().code(), absl::StatusCode::kUnimplemented);
}

TEST(LocatorStateTest, FallsBackToTheAlternativesWhenNoBalancerAnswers) {
  LocatorState state({"b1"}, "");
  state.Begin({});
  state.OnAnswer(Answer({"s1", "s2", "s3"}));
  state.Begin({"s1"});
  EXPECT_EQ(state.OnError(absl::UnavailableError("down"))->value(), "s2");
  state.Begin({"s1", "s2"});
  EXPECT_EQ(state.OnError(absl::UnavailableError("down"))->value(), "s3");
}

TEST(LocatorStateTest, TriesEachServerAgainWhenAllHaveFailed) {
  LocatorState state({"b1"}, "");
  state.Begin({});
  state.OnAnswer(Answer({"s1", "s2", "s3"}));
  std::vector<std::string> tried;
  for (int i = 0; i < 4; ++i) {
    state.Begin({"s1", "s2", "s3"});
    tried.push_back(state.OnError(absl::UnavailableError("down"))->value());
  }
  EXPECT_THAT(tried, ElementsAre("s1", "s2", "s3", "s1"));
}

}  // namespace
}  // namespace msgproc::client
