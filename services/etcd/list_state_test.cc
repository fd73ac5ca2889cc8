#include "services/etcd/list_state.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::etcd {
namespace {

using testing::ElementsAre;
using Item = ListState::Item;
using Phase = ListState::Phase;
using Request = ListState::Request;

constexpr absl::Duration kMoment = absl::Milliseconds(1);
constexpr ListState::Stamp kStamp = {.cluster_id = 5, .revision = 10};

// "key=value", "-key".
std::vector<std::string> Text(const std::vector<Item>& items) {
  std::vector<std::string> text;
  for (const Item& item : items) {
    text.push_back(item.deleted ? "-" + item.key : item.key + "=" + item.value);
  }
  return text;
}

class ListStateTest : public testing::Test {
 protected:
  ListState::Actions Asks(Request request) {
    const ListState::Actions actions = state_.Next(now_);
    EXPECT_EQ(actions.request, request);
    return actions;
  }
  void ExpectWaitUntil(absl::Time when) {
    EXPECT_EQ(Asks(Request::kNone).wake, when);
  }
  // The pause that begins now.
  absl::Duration Pause() { return Asks(Request::kNone).wake - now_; }
  void List(std::vector<Item> items = {}) {
    Asks(Request::kList);
    state_.OnListed(now_, kStamp, std::move(items));
  }
  void Watch() {
    Asks(Request::kWatch);
    state_.OnWatchCreated(now_);
  }
  void Probe(const ListState::Stamp& stamp = kStamp) {
    Asks(Request::kProbe);
    state_.OnProbed(now_, stamp);
  }
  void Follow(std::vector<Item> items = {}) {
    List(std::move(items));
    Watch();
    Probe();
  }

  std::mt19937_64 random_{1};
  absl::Time now_ = absl::UnixEpoch();
  ListState state_{{}};
};

TEST_F(ListStateTest, ListsThenWatchesFromBehindTheList) {
  EXPECT_EQ(state_.heard_at(), absl::InfinitePast());
  Asks(Request::kList);
  EXPECT_THAT(Text(state_.OnListed(now_, kStamp, {{"a", "1"}, {"b", "2"}})),
              ElementsAre("a=1", "b=2"));
  EXPECT_EQ(state_.phase(), Phase::kListed);
  EXPECT_EQ(state_.heard_at(), now_);
  EXPECT_EQ(state_.lists(), 1U);
  EXPECT_EQ(Asks(Request::kWatch).from_revision, 11);
  state_.OnWatchCreated(now_);
  EXPECT_EQ(state_.phase(), Phase::kFollowing);
}

TEST_F(ListStateTest, AsksForOneThingAtATime) {
  Asks(Request::kList);
  ExpectWaitUntil(absl::InfiniteFuture());
}

TEST_F(ListStateTest, AWatchIsProbedAtOnceAndThenEverySoOften) {
  List();
  Watch();
  Probe();
  for (int i = 0; i < 3; ++i) {
    ExpectWaitUntil(now_ + absl::Seconds(2));
    now_ += absl::Seconds(2) - kMoment;
    Asks(Request::kNone);
    now_ += kMoment;
    Asks(Request::kProbe);
    now_ += kMoment;
    state_.OnProbed(now_, kStamp);
    EXPECT_EQ(state_.heard_at(), now_);
  }
}

TEST_F(ListStateTest, TellsEvents) {
  Follow({{"a", "1"}});
  now_ += kMoment;
  EXPECT_THAT(Text(state_.OnEvents(
                  now_, {{.key = "b", .value = "2", .revision = 11},
                         {.key = "a", .deleted = true, .revision = 12}})),
              ElementsAre("b=2", "-a"));
  EXPECT_EQ(state_.heard_at(), now_);
}

TEST_F(ListStateTest, ABrokenWatchGoesOnBehindWhatItSaidLast) {
  Follow();
  state_.OnEvents(now_, {{.key = "a", .revision = 13}});
  state_.OnEvents(now_, {{.key = "b", .revision = 12}});
  state_.OnWatchEnded(now_, /*compacted=*/false, random_);
  EXPECT_EQ(state_.phase(), Phase::kListed);
  now_ += Pause();
  const ListState::Actions actions = Asks(Request::kWatch);
  EXPECT_EQ(actions.from_revision, 14);
  EXPECT_FALSE(actions.drop_watch);
  EXPECT_EQ(state_.lists(), 1U);
  EXPECT_EQ(state_.failures(), 1U);
}

TEST_F(ListStateTest, WhatWasCompactedIsListedAgain) {
  Follow({{"a", "1"}, {"b", "2"}});
  state_.OnEvents(now_, {{.key = "c", .value = "3", .revision = 11}});
  state_.OnEvents(now_, {{.key = "b", .deleted = true, .revision = 12}});
  state_.OnWatchEnded(now_, /*compacted=*/true, random_);
  EXPECT_EQ(state_.phase(), Phase::kUnlisted);
  now_ += Pause();
  EXPECT_FALSE(Asks(Request::kList).drop_watch);
  EXPECT_THAT(Text(state_.OnListed(now_, {5, 20}, {{"c", "4"}, {"d", "5"}})),
              ElementsAre("c=4", "d=5", "-a"));
  EXPECT_EQ(Asks(Request::kWatch).from_revision, 21);
  EXPECT_EQ(state_.lists(), 2U);
}

TEST_F(ListStateTest, AWatchThatIsNotCreatedInTimeIsDropped) {
  List();
  EXPECT_EQ(Asks(Request::kWatch).wake, now_ + absl::Seconds(2));
  ExpectWaitUntil(now_ + absl::Seconds(2));
  now_ += absl::Seconds(2);
  const ListState::Actions actions = Asks(Request::kWatch);
  EXPECT_TRUE(actions.drop_watch);
  EXPECT_EQ(state_.failures(), 1U);
  EXPECT_FALSE(Asks(Request::kNone).drop_watch);
}

TEST_F(ListStateTest, AProbeThatFailsDropsTheWatch) {
  Follow();
  const absl::Time heard = now_;
  now_ += absl::Seconds(2);
  Asks(Request::kProbe);
  now_ += absl::Seconds(2);
  state_.OnProbeFailed(now_, random_);
  const ListState::Actions actions = Asks(Request::kNone);
  EXPECT_TRUE(actions.drop_watch);
  EXPECT_EQ(state_.phase(), Phase::kListed);
  EXPECT_EQ(state_.heard_at(), heard);
  now_ = actions.wake;
  EXPECT_FALSE(Asks(Request::kWatch).drop_watch);
}

TEST_F(ListStateTest, AProbeOfAWatchThatHasEndedSaysNothing) {
  Follow();
  const absl::Time heard = now_;
  now_ += absl::Seconds(2);
  Asks(Request::kProbe);
  state_.OnWatchEnded(now_, /*compacted=*/false, random_);
  state_.OnProbed(now_, {6, 1});
  EXPECT_EQ(state_.phase(), Phase::kListed);
  EXPECT_EQ(state_.heard_at(), heard);
  now_ += Pause();
  Watch();
  Asks(Request::kProbe);
  state_.OnWatchEnded(now_, /*compacted=*/false, random_);
  state_.OnProbeFailed(now_, random_);
  EXPECT_EQ(state_.phase(), Phase::kListed);
}

TEST_F(ListStateTest, AnotherStoreIsListedAnew) {
  Follow({{"a", "1"}});
  now_ += absl::Seconds(2);
  Probe({.cluster_id = 6, .revision = 100});
  const ListState::Actions actions = Asks(Request::kList);
  EXPECT_TRUE(actions.drop_watch);
  EXPECT_THAT(Text(state_.OnListed(now_, {6, 100}, {})), ElementsAre("-a"));
}

TEST_F(ListStateTest, AStoreThatWasSetBackIsListedAnew) {
  Follow();
  state_.OnEvents(now_, {{.key = "a", .revision = 12}});
  now_ += absl::Seconds(2);
  Probe({.cluster_id = 5, .revision = 12});
  EXPECT_EQ(state_.phase(), Phase::kFollowing);
  now_ += absl::Seconds(2);
  Probe({.cluster_id = 5, .revision = 11});
  Asks(Request::kList);
  state_.OnListed(now_, {5, 3}, {});
  EXPECT_EQ(Asks(Request::kWatch).from_revision, 4);
}

TEST_F(ListStateTest, WithoutAQuorumOneMemberSaysWhatItHas) {
  Asks(Request::kList);
  state_.OnListFailed(now_, random_);
  now_ += Pause();
  Asks(Request::kListSerializable);
  EXPECT_THAT(Text(state_.OnListed(now_, {5, 8}, {{"a", "1"}, {"b", "2"}})),
              ElementsAre("a=1", "b=2"));
  // Nobody says that it is so still.
  EXPECT_EQ(state_.heard_at(), absl::InfinitePast());
  EXPECT_EQ(state_.phase(), Phase::kUnlisted);
  EXPECT_EQ(state_.lists(), 0U);
  ExpectWaitUntil(now_ + absl::Seconds(1));
  now_ += absl::Seconds(1);
  Asks(Request::kList);
  state_.OnListFailed(now_, random_);
  now_ += Pause();
  Asks(Request::kList);
  EXPECT_THAT(Text(state_.OnListed(now_, kStamp, {{"b", "2"}})),
              ElementsAre("b=2", "-a"));
  EXPECT_EQ(Asks(Request::kWatch).from_revision, 11);
}

TEST_F(ListStateTest, AMemberThatSaysNothingIsNotAskedAlone) {
  for (int i = 0; i < 2; ++i) {
    Asks(Request::kList);
    state_.OnListFailed(now_, random_);
    now_ += Pause();
    Asks(Request::kListSerializable);
    state_.OnListFailed(now_, random_);
    now_ += Pause();
  }
  EXPECT_EQ(state_.failures(), 4U);
}

TEST(ListStateOfThreeTest, EveryMemberIsAskedAloneOnce) {
  std::mt19937_64 random(1);
  absl::Time now = absl::UnixEpoch();
  ListState state({.members = 3});
  const auto fail = [&](Request expected) {
    now += absl::Seconds(1);
    EXPECT_EQ(state.Next(now).request, expected);
    state.OnListFailed(now, random);
  };
  for (int round = 0; round < 2; ++round) {
    fail(Request::kList);
    for (int i = 0; i < 3; ++i) fail(Request::kListSerializable);
  }
  fail(Request::kList);
  now += absl::Seconds(1);
  EXPECT_EQ(state.Next(now).request, Request::kListSerializable);
  state.OnListed(now, kStamp, {});
  // The cluster is asked next, and no member any more.
  now += absl::Seconds(1);
  EXPECT_EQ(state.Next(now).request, Request::kList);
}

TEST_F(ListStateTest, WhatIsKnownIsNotReplacedByWhatOneMemberSays) {
  Follow({{"a", "1"}});
  state_.OnWatchEnded(now_, /*compacted=*/true, random_);
  now_ += Pause();
  Asks(Request::kList);
  state_.OnListFailed(now_, random_);
  now_ += Pause();
  Asks(Request::kList);
}

TEST_F(ListStateTest, TriesAgainEverLaterButNotForLong) {
  absl::Duration most = absl::Milliseconds(50);
  List();
  for (int i = 0; i < 7; ++i) {
    Asks(Request::kWatch);
    state_.OnWatchEnded(now_, /*compacted=*/false, random_);
    const absl::Duration pause = Pause();
    EXPECT_GE(pause, most / 2);
    EXPECT_LE(pause, most);
    now_ += pause;
    most = std::min(2 * most, absl::Seconds(1));
  }
  EXPECT_EQ(most, absl::Seconds(1));
  // Only an answer of the cluster's counts as success.
  Watch();
  state_.OnWatchEnded(now_, /*compacted=*/false, random_);
  EXPECT_GE(Pause(), absl::Milliseconds(500));
  now_ += Pause();
  Watch();
  Probe();
  state_.OnWatchEnded(now_, /*compacted=*/false, random_);
  EXPECT_LE(Pause(), absl::Milliseconds(50));
}

TEST_F(ListStateTest, TheWholeListIsTakenAnewNowAndThen) {
  Follow({{"a", "1"}});
  const absl::Time listed = now_;
  now_ = listed + absl::Minutes(10) - kMoment;
  Probe();
  now_ = listed + absl::Minutes(10);
  const ListState::Actions actions = Asks(Request::kList);
  EXPECT_TRUE(actions.drop_watch);
  state_.OnListed(now_, kStamp, {{"a", "1"}});
  Watch();
  now_ += absl::Minutes(10) - kMoment;
  Probe();
}

TEST_F(ListStateTest, AListWaitsForTheProbeUnderWay) {
  Follow();
  now_ += absl::Minutes(10) - kMoment;
  Asks(Request::kProbe);
  now_ += absl::Seconds(1);
  EXPECT_EQ(Asks(Request::kNone).wake, absl::InfiniteFuture());
  EXPECT_EQ(state_.phase(), Phase::kFollowing);
  state_.OnProbed(now_, kStamp);
  Asks(Request::kList);
}

TEST_F(ListStateTest, NoWatchIsDroppedThatIsNotThere) {
  EXPECT_FALSE(Asks(Request::kList).drop_watch);
  state_.OnListed(now_, kStamp, {});
  EXPECT_FALSE(Asks(Request::kWatch).drop_watch);
  state_.OnWatchCreated(now_);
  EXPECT_FALSE(Asks(Request::kProbe).drop_watch);
}

TEST_F(ListStateTest, ItsDumpSaysHowFarItIs) {
  EXPECT_EQ(state_.Dump(now_).machine(), "etcd::ListState");
  EXPECT_EQ(state_.Dump(now_)["phase"], "unlisted");
  EXPECT_EQ(state_.Dump(now_)["heard_at"], "never");
  Asks(Request::kList);
  EXPECT_EQ(state_.Dump(now_)["under_way"], "list");
  state_.OnListed(now_, kStamp, {{.key = "a", .value = "1"}});
  StateDump dump = state_.Dump(now_ + kMoment);
  EXPECT_EQ(dump["phase"], "listed");
  EXPECT_EQ(dump["under_way"], "none");
  EXPECT_EQ(dump["known"], "true");
  EXPECT_EQ(dump["cluster_id"], "5");
  EXPECT_EQ(dump["revision"], "10");
  EXPECT_EQ(dump["keys"], "1");
  EXPECT_EQ(dump["heard_at"], "1ms ago");
  EXPECT_EQ(dump["lists"], "1");
  Asks(Request::kWatch);
  EXPECT_EQ(state_.Dump(now_)["phase"], "opening");
  EXPECT_EQ(state_.Dump(now_)["opened_by"], "in 2s");
  state_.OnWatchCreated(now_);
  EXPECT_EQ(state_.Dump(now_)["phase"], "following");
}

}  // namespace
}  // namespace msgproc::etcd
