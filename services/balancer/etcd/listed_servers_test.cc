#include "services/balancer/etcd/listed_servers.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/etcd/server_record.h"

namespace msgproc::balancer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = RegistryEvent::Kind;

Fleet::Options FleetOptions() {
  Fleet::Options options;
  options.registry.lease = absl::Seconds(6);
  options.registry.fail_static = absl::ZeroDuration();
  options.registry.max_servers = 2;
  options.rebalancer.settle = absl::ZeroDuration();
  return options;
}

class ListedServersTest : public testing::Test {
 protected:
  static etcd::ListState::Item Item(
      const std::string& id, uint64_t sessions = 0,
      v1::ServerState state = v1::SERVER_STATE_SERVING, bool cordoned = false) {
    v1::RegisterRequest report;
    report.set_address(absl::StrCat(id, ":1"));
    report.set_state(state);
    report.set_cordoned(cordoned);
    report.set_sessions(sessions);
    report.set_takes_orders(true);
    return {.key = id, .value = etcd::WriteServerRecord(report)};
  }
  static etcd::ListState::Item Gone(const std::string& id) {
    return {.key = id, .deleted = true};
  }
  void Serve(const std::string& id) {
    fleet_.SetHealth(absl::StrCat(id, ":1"), Health::kServing);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const ServerStatus& status : fleet_.List()) {
      names.push_back(status.report.server_id);
    }
    return names;
  }
  // What is logged meanwhile, a while after what was logged before.
  std::string Said(const std::function<void()>& meanwhile) {
    clock_.Advance(absl::Seconds(1));
    testing::internal::CaptureStderr();
    meanwhile();
    return testing::internal::GetCapturedStderr();
  }

  FakeClock clock_;
  Fleet fleet_{FleetOptions(), &clock_, 1};
  std::vector<std::string> ordered_;
  std::vector<std::string> moved_;
  ListedServers servers_{&fleet_, &clock_,
                         [this](const std::string& id, const ServerOrder&) {
                           ordered_.push_back(id);
                           return true;
                         },
                         [this](const std::string& id, const MoveOrder&) {
                           moved_.push_back(id);
                         }};
};

TEST_F(ListedServersTest, RecordsAreServers) {
  servers_.Take({Item("a", 3), Item("b")});
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
  EXPECT_EQ(fleet_.Get("a")->report.load.sessions, 3U);
  EXPECT_EQ(servers_.size(), 2U);
  servers_.Take({Item("a", 4)});
  EXPECT_EQ(fleet_.Get("a")->report.load.sessions, 4U);
  EXPECT_EQ(fleet_.EventCount(Kind::kJoined), 2U);
}

TEST_F(ListedServersTest, TheyStayForAsLongAsTheyAreRefreshed) {
  servers_.Take({Item("a")});
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(5));
    servers_.Refresh();
    fleet_.Tick();
  }
  EXPECT_THAT(Names(), ElementsAre("a"));
  clock_.Advance(absl::Seconds(7));
  fleet_.Tick();
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_EQ(fleet_.EventCount(Kind::kLeaseExpired), 1U);
  // The list is confirmed again.
  servers_.Refresh();
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(ListedServersTest, ARecordThatVanishesIsALoss) {
  servers_.Take({Item("a")});
  servers_.Take({Gone("a")});
  EXPECT_EQ(fleet_.EventCount(Kind::kStreamBroken), 1U);
  EXPECT_EQ(servers_.size(), 0U);
  servers_.Take({Gone("a")});
  EXPECT_EQ(fleet_.EventCount(Kind::kStreamBroken), 1U);
}

TEST_F(ListedServersTest, SoIsOneThatVanishesWhileItIsCordoned) {
  servers_.Take({Item("a", 0, v1::SERVER_STATE_DRAINING, /*cordoned=*/true)});
  servers_.Take({Gone("a")});
  EXPECT_EQ(fleet_.EventCount(Kind::kStreamBroken), 1U);
  EXPECT_EQ(fleet_.EventCount(Kind::kLeft), 0U);
}

TEST_F(ListedServersTest, ARecordThatVanishesWhileItDrainsIsAGoodbye) {
  servers_.Take({Item("a", 0, v1::SERVER_STATE_DRAINING)});
  servers_.Take({Gone("a")});
  EXPECT_EQ(fleet_.EventCount(Kind::kLeft), 1U);
  EXPECT_EQ(fleet_.EventCount(Kind::kStreamBroken), 0U);
}

TEST_F(ListedServersTest, WhatIsNoServerIsCountedAndGone) {
  servers_.Take({Item("a"),
                 {.key = "b", .value = "{}"},
                 {.key = "two words", .value = Item("x").value}});
  EXPECT_THAT(Names(), ElementsAre("a"));
  EXPECT_EQ(servers_.unreadable(), 2U);
  servers_.Take({{.key = "a", .value = "not JSON"}});
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_EQ(servers_.unreadable(), 3U);
}

TEST_F(ListedServersTest, SaysOnceASecondWhichRecordIsNoServerAndWhy) {
  const auto take = [this] {
    servers_.Take({{.key = "b", .value = "{}"}, {.key = "c", .value = "{}"}});
  };
  EXPECT_THAT(
      Said(take),
      AllOf(HasSubstr("a record of the registry is not taken server_id='b' "
                      "reason=\"the record of 'b' has no Addr\" suppressed=0"),
            Not(HasSubstr("server_id='c'"))));
  EXPECT_THAT(Said(take), HasSubstr("suppressed=1"));
}

TEST_F(ListedServersTest, SaysOnceThatTheFleetIsFull) {
  const auto refresh = [this] { servers_.Refresh(); };
  EXPECT_THAT(
      Said([this] {
        servers_.Take({Item("a"), Item("b"), Item("c")});
      }),
      HasSubstr("is not taken server_id='c' reason=\"this balancer holds"));
  EXPECT_THAT(Said(refresh), IsEmpty());
  // It is taken where there is room, and has to wait for that once more.
  servers_.Take({Gone("a")});
  EXPECT_THAT(Said(refresh), IsEmpty());
  EXPECT_THAT(Names(), ElementsAre("b", "c"));
  clock_.Advance(absl::Seconds(7));
  fleet_.Tick();
  servers_.Take({Item("a"), Item("b")});
  EXPECT_THAT(Said(refresh), HasSubstr("is not taken server_id='c'"));
  EXPECT_THAT(Said(refresh), IsEmpty());
}

TEST_F(ListedServersTest, ARecordThatWasNeverTakenVanishesInSilence) {
  servers_.Take({Item("a"), Item("b"), Item("c"), Gone("c")});
  EXPECT_EQ(servers_.size(), 2U);
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
  EXPECT_EQ(fleet_.EventCount(Kind::kStreamBroken), 0U);
}

TEST_F(ListedServersTest, AServerWithAStreamIsLeftToIt) {
  servers_.Take({Item("a")});
  ServerReport report;
  report.server_id = "a";
  report.address = "a:1";
  report.owner = "itself";
  bool ended = false;
  const auto stream =
      fleet_.Register(report, [&](const absl::Status&) { ended = true; });
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_THAT(Said([this] {
                servers_.Refresh();
                servers_.Take({Item("a", 9)});
              }),
              IsEmpty());
  EXPECT_FALSE(ended);
  EXPECT_EQ(fleet_.Get("a")->report.owner, "itself");
  // Its stream breaks: the record is still there.
  fleet_.Lose(*stream);
  servers_.Refresh();
  EXPECT_EQ(fleet_.Get("a")->report.owner, ServerReport::kRegistryOwner);
  EXPECT_EQ(fleet_.Get("a")->report.load.sessions, 9U);
}

TEST_F(ListedServersTest, PassesOrdersOn) {
  servers_.Take({Item("a"), Item("b")});
  EXPECT_TRUE(fleet_.Order("b", {.cordoned = true}).ok());
  EXPECT_THAT(ordered_, ElementsAre("b"));
}

TEST_F(ListedServersTest, TellsWhoIsToMoveOnceItMay) {
  fleet_.LetMove(false);
  servers_.Take({Item("a", 100), Item("b")});
  Serve("a");
  Serve("b");
  const auto refresh = [&] {
    for (int i = 0; i < 5; ++i) {
      clock_.Advance(absl::Seconds(2));
      servers_.Refresh();
    }
  };
  refresh();
  EXPECT_THAT(moved_, IsEmpty());
  fleet_.LetMove(true);
  refresh();
  ASSERT_FALSE(moved_.empty());
  EXPECT_EQ(moved_[0], "a");
}

}  // namespace
}  // namespace msgproc::balancer
