#include "services/balancer/server_registry.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;

constexpr absl::Duration kLease = absl::Seconds(6);

ServerReport ReportOf(int i) {
  ServerReport report;
  report.server_id = absl::StrCat("s", i);
  report.address = absl::StrCat("host", i, ":1");
  return report;
}

class ServerRegistryTest : public testing::Test {
 protected:
  Registration Join(const ServerReport& report) {
    const auto registered = registry_.Register(report);
    EXPECT_TRUE(registered.ok()) << registered.status();
    registry_.SetHealth(report.address, Health::kServing);
    return registered->registration;
  }

  std::vector<Registration> JoinMany(int count) {
    std::vector<Registration> registrations;
    for (int i = 0; i < count; ++i) registrations.push_back(Join(ReportOf(i)));
    return registrations;
  }

  std::vector<std::string> HandedOut() const {
    const auto roster = registry_.MakeRoster();
    std::vector<std::string> ids;
    for (size_t i = 0; i < roster->size(); ++i) {
      EXPECT_TRUE((*roster)[i].available());
      ids.push_back((*roster)[i].server_id());
    }
    return ids;
  }

  ServerState StateOf(const std::string& server_id) const {
    const auto status = registry_.Get(server_id);
    EXPECT_TRUE(status.ok()) << status.status();
    return status->state;
  }

  // Walks over all of them.
  ServerCounts Counted() const {
    ServerCounts counts = {};
    for (const ServerStatus& status : registry_.List()) {
      ++counts[static_cast<size_t>(status.state)];
    }
    return counts;
  }

  // What happened since the last time: "ID at ADDRESS TEXT".
  std::vector<std::string> Events() {
    std::vector<std::string> texts;
    for (const RegistryEvent& event : registry_.TakeEvents()) {
      texts.push_back(absl::StrCat(event.server_id, " at ", event.address, " ",
                                   event.text));
    }
    return texts;
  }

  FakeClock clock_;
  ServerRegistry registry_{{.lease = kLease, .max_servers = 20}, &clock_};
};

TEST_F(ServerRegistryTest, IsEmptyAtFirst) {
  EXPECT_THAT(HandedOut(), IsEmpty());
  EXPECT_THAT(registry_.List(), IsEmpty());
  EXPECT_EQ(registry_.Get("s0").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ServerRegistryTest, HandsNoServerOutBeforeItAnsweredAHealthCheck) {
  ASSERT_TRUE(registry_.Register(ReportOf(0)).ok());
  EXPECT_THAT(HandedOut(), IsEmpty());
  EXPECT_EQ(StateOf("s0"), ServerState::kUnhealthy);
  EXPECT_THAT(registry_.AddressesToCheck(), ElementsAre(Key("host0:1")));

  registry_.SetHealth("host0:1", Health::kUnreachable);
  EXPECT_THAT(HandedOut(), IsEmpty());
  EXPECT_THAT(registry_.AddressesToCheck(), ElementsAre(Key("host0:1")));

  registry_.SetHealth("host0:1", Health::kServing);
  EXPECT_THAT(HandedOut(), ElementsAre("s0"));
  EXPECT_THAT(registry_.AddressesToCheck(), IsEmpty());
}

TEST_F(ServerRegistryTest, ANewAddressHasToAnswerAnew) {
  const Registration registration = Join(ReportOf(0));
  ServerReport moved = ReportOf(0);
  moved.address = "elsewhere:1";
  ASSERT_TRUE(registry_.Report(registration, moved).ok());
  EXPECT_THAT(HandedOut(), IsEmpty());
  EXPECT_THAT(registry_.AddressesToCheck(), ElementsAre(Key("elsewhere:1")));
  registry_.SetHealth("elsewhere:1", Health::kServing);
  EXPECT_EQ((*registry_.MakeRoster())[0].address(), "elsewhere:1");
}

TEST_F(ServerRegistryTest, EachRegistrationIsAskedAnewThoughItsAddressIsKnown) {
  ASSERT_TRUE(registry_.AddStatic("host0:1").ok());
  registry_.SetHealth("host0:1", Health::kServing);
  uint64_t check = registry_.AddressesToCheck().at("host0:1");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(registry_.Register(ReportOf(0)).ok());
    EXPECT_GT(registry_.AddressesToCheck().at("host0:1"), check);
    check = registry_.AddressesToCheck().at("host0:1");
    registry_.SetHealth("host0:1", Health::kServing);
  }
}

TEST_F(ServerRegistryTest, KeepsAServerThatReportsAndRemovesOneThatIsSilent) {
  const std::vector<Registration> servers = JoinMany(3);
  for (int i = 0; i < 4; ++i) {
    clock_.Advance(kLease / 2);
    ASSERT_TRUE(registry_.Report(servers[0], ReportOf(0)).ok());
    ASSERT_TRUE(registry_.Report(servers[1], ReportOf(1)).ok());
    const auto expired = registry_.Tick();
    EXPECT_EQ(expired.size(), i == 2 ? 1U : 0U) << i;
  }
  EXPECT_THAT(HandedOut(), ElementsAre("s0", "s1"));
  EXPECT_EQ(registry_.Report(servers[2], ReportOf(2)).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ServerRegistryTest, ABrokenStreamRemovesAtOnce) {
  const std::vector<Registration> servers = JoinMany(3);
  const auto before = registry_.MakeRoster();
  registry_.Lose(servers[1]);
  EXPECT_THAT(HandedOut(), ElementsAre("s0", "s2"));
  // Even those who still hold the old roster see it.
  EXPECT_FALSE((*before)[1].available());
}

TEST_F(ServerRegistryTest,
       TheOlderStreamsEndDoesNotRemoveTheNewerRegistration) {
  const Registration older = Join(ReportOf(0));
  const auto newer = registry_.Register(ReportOf(0));
  ASSERT_TRUE(newer.ok());
  ASSERT_TRUE(newer->replaced.has_value());
  EXPECT_EQ(newer->replaced->generation, older.generation);
  registry_.SetHealth("host0:1", Health::kServing);

  const absl::Status status = registry_.Report(older, ReportOf(0));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(absl::StrContains(status.message(), "own server_id")) << status;
  registry_.Lose(older);
  registry_.Leave(older);
  EXPECT_THAT(HandedOut(), ElementsAre("s0"));
  EXPECT_TRUE(registry_.Report(newer->registration, ReportOf(0)).ok());
}

TEST_F(ServerRegistryTest, ADrainingServerIsListedButNotHandedOut) {
  const std::vector<Registration> servers = JoinMany(2);
  ServerReport draining = ReportOf(0);
  draining.draining = true;
  ASSERT_TRUE(registry_.Report(servers[0], draining).ok());
  EXPECT_THAT(HandedOut(), ElementsAre("s1"));
  EXPECT_EQ(StateOf("s0"), ServerState::kDraining);
  registry_.Leave(servers[0]);
  EXPECT_EQ(registry_.List().size(), 1U);
}

TEST_F(ServerRegistryTest, ACordonedServerIsHandedOutAgainOnceItIsNot) {
  const std::vector<Registration> servers = JoinMany(2);
  registry_.TakeEvents();
  ServerReport cordoned = ReportOf(0);
  cordoned.draining = cordoned.cordoned = true;
  ASSERT_TRUE(registry_.Report(servers[0], cordoned).ok());
  // Told once.
  ASSERT_TRUE(registry_.Report(servers[0], cordoned).ok());
  EXPECT_THAT(HandedOut(), ElementsAre("s1"));
  EXPECT_EQ(StateOf("s0"), ServerState::kDraining);
  EXPECT_TRUE(registry_.Get("s0")->report.cordoned);
  ASSERT_TRUE(registry_.Report(servers[0], ReportOf(0)).ok());
  EXPECT_THAT(HandedOut(), ElementsAre("s0", "s1"));
  EXPECT_FALSE(registry_.Get("s0")->report.cordoned);
  const std::vector<RegistryEvent> events = registry_.TakeEvents();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, RegistryEvent::Kind::kDraining);
  EXPECT_EQ(events[0].text, "is cordoned: no new sockets go there");
  EXPECT_EQ(events[1].kind, RegistryEvent::Kind::kUndrained);
  EXPECT_EQ(events[1].text, "takes new sockets again");
}

TEST_F(ServerRegistryTest, OneThatJoinsCordonedIsNotHandedOut) {
  ServerReport cordoned = ReportOf(0);
  cordoned.draining = cordoned.cordoned = true;
  const auto joined = registry_.Register(cordoned);
  ASSERT_TRUE(joined.ok());
  EXPECT_EQ(registry_.TakeEvents()[0].text, "joined, weight 1, cordoned");
  EXPECT_THAT(HandedOut(), IsEmpty());
  // It has to answer a health check then, as any.
  ASSERT_TRUE(registry_.Report(joined->registration, ReportOf(0)).ok());
  EXPECT_THAT(HandedOut(), IsEmpty());
  registry_.SetHealth(ReportOf(0).address, Health::kServing);
  EXPECT_THAT(HandedOut(), ElementsAre("s0"));
}

TEST_F(ServerRegistryTest, SaysWhichRegistrationHoldsAServer) {
  const std::vector<Registration> servers = JoinMany(2);
  EXPECT_EQ(registry_.Get("s1")->generation, servers[1].generation);
  ASSERT_TRUE(registry_.AddStatic("b:1").ok());
  EXPECT_EQ(registry_.Get("b:1")->generation, 0U);
}

TEST_F(ServerRegistryTest, AllMaySayGoodbye) {
  for (const Registration& server : JoinMany(3)) registry_.Leave(server);
  EXPECT_THAT(HandedOut(), IsEmpty());
  EXPECT_FALSE(registry_.fail_static());
}

TEST_F(ServerRegistryTest, ListsLoadAndTheAgeOfTheReport) {
  ServerReport report = ReportOf(0);
  report.load.sessions = 7;
  report.weight = 2;
  Join(report);
  clock_.Advance(absl::Seconds(2));
  const auto status = registry_.Get("s0");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->report.load.sessions, 7U);
  EXPECT_EQ(status->report.weight, 2);
  EXPECT_EQ(status->report_age, absl::Seconds(2));
  EXPECT_FALSE(status->is_static);
}

TEST_F(ServerRegistryTest, RefusesMalformedReportsAndAChangeOfName) {
  EXPECT_EQ(registry_.Register({}).status().code(),
            absl::StatusCode::kInvalidArgument);
  const Registration registration = Join(ReportOf(0));
  EXPECT_EQ(registry_.Report(registration, ReportOf(1)).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(registry_.Report(registration, {}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ServerRegistryTest, RefusesMoreServersThanItsBound) {
  JoinMany(20);
  EXPECT_EQ(registry_.Register(ReportOf(20)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(registry_.Register(ReportOf(3)).ok());
}

TEST_F(ServerRegistryTest, StaticServersFollowTheirHealthCheck) {
  ASSERT_TRUE(registry_.AddStatic("a:1").ok());
  ASSERT_TRUE(registry_.AddStatic("b:1").ok());
  EXPECT_FALSE(registry_.AddStatic("nonsense").ok());
  EXPECT_THAT(registry_.AddressesToCheck(),
              ElementsAre(Key("a:1"), Key("b:1")));
  EXPECT_THAT(HandedOut(), IsEmpty());
  registry_.SetHealth("a:1", Health::kServing);
  registry_.SetHealth("b:1", Health::kServing);
  EXPECT_THAT(HandedOut(), ElementsAre("a:1", "b:1"));
  registry_.SetHealth("a:1", Health::kNotServing);
  EXPECT_THAT(HandedOut(), ElementsAre("b:1"));
  registry_.SetHealth("b:1", Health::kRefused);
  EXPECT_THAT(HandedOut(), IsEmpty());
  EXPECT_THAT(registry_.AddressesToCheck(),
              ElementsAre(Key("a:1"), Key("b:1")));
  EXPECT_EQ(registry_.List().size(), 2U);
}

TEST_F(ServerRegistryTest, AStaticServerThatRegistersIsListedOnce) {
  ASSERT_TRUE(registry_.AddStatic("host0:1").ok());
  const Registration registration = Join(ReportOf(0));
  EXPECT_THAT(HandedOut(), ElementsAre("s0"));
  EXPECT_EQ(registry_.List().size(), 1U);
  registry_.Leave(registration);
  EXPECT_THAT(HandedOut(), ElementsAre("host0:1"));
}

TEST_F(ServerRegistryTest, AStaticServerThatRegistersIsKnownByOneName) {
  ASSERT_TRUE(registry_.AddStatic("host0:1").ok());
  EXPECT_TRUE(registry_.Get("host0:1").ok());
  Join(ReportOf(0));
  EXPECT_TRUE(registry_.Get("s0").ok());
  EXPECT_EQ(registry_.Get("host0:1").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ServerRegistryTest, OnceARegisteredServerHasAnsweredItsReportsSpeak) {
  Join(ReportOf(0));
  for (const Health health :
       {Health::kUnreachable, Health::kNotServing, Health::kRefused}) {
    registry_.SetHealth("host0:1", health);
    EXPECT_THAT(HandedOut(), ElementsAre("s0"));
  }
}

TEST_F(ServerRegistryTest, PicksOfServersThatNeverReportFade) {
  ASSERT_TRUE(registry_.AddStatic("a:1").ok());
  registry_.SetHealth("a:1", Health::kServing);
  const auto roster = registry_.MakeRoster();
  for (int i = 0; i < 100; ++i) (*roster)[0].CountPick();
  registry_.Tick();
  clock_.Advance(kLease);
  registry_.Tick();
  EXPECT_LE((*roster)[0].load(), 50U);
}

TEST_F(ServerRegistryTest, AReportOfLoadAloneLeavesTheRosterAsItIs) {
  const Registration registration = Join(ReportOf(0));
  const uint64_t version = registry_.version();
  const auto roster = registry_.MakeRoster();
  ServerReport busier = ReportOf(0);
  busier.load.sessions = 5;
  ASSERT_TRUE(registry_.Report(registration, busier).ok());
  EXPECT_EQ(registry_.version(), version);
  EXPECT_EQ((*roster)[0].load(), 5U);
}

TEST_F(ServerRegistryTest, TheKeptCountsAreThoseOfTheList) {
  std::mt19937 random(1);
  std::map<int, Registration> registrations;
  ASSERT_TRUE(registry_.AddStatic("host1:1").ok());
  ASSERT_TRUE(registry_.AddStatic("elsewhere:1").ok());
  for (int step = 0; step < 3000; ++step) {
    const int i = static_cast<int>(random() % 6);
    ServerReport report = ReportOf(i);
    const auto held = registrations.find(i);
    switch (random() % 8) {
      case 0:
      case 1:
        registrations[i] = registry_.Register(report)->registration;
        break;
      case 2:
        report.draining = random() % 2 == 0;
        if (held == registrations.end()) break;
        registry_.Report(held->second, report).IgnoreError();
        break;
      case 3:
        if (held != registrations.end()) registry_.Lose(held->second);
        break;
      case 4:
        if (held != registrations.end()) registry_.Leave(held->second);
        break;
      case 5:
        clock_.Advance(absl::Seconds(random() % 4));
        registry_.Tick();
        break;
      default:
        registry_.SetHealth(random() % 4 == 0 ? "elsewhere:1" : report.address,
                            static_cast<Health>(random() % 5));
    }
    ASSERT_EQ(registry_.counts(), Counted()) << "after step " << step;
  }
}

TEST_F(ServerRegistryTest, ALivingRegistrationIsNotReplacedByAnotherOwner) {
  ServerReport report = ReportOf(0);
  report.owner = "certificate processor";
  const auto first = registry_.Register(report);
  ASSERT_TRUE(first.ok());
  ServerReport thief = report;
  thief.address = "192.0.2.99:1";
  thief.owner = "certificate client";
  const absl::Status refused = registry_.Register(thief).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(refused.message().find("certificate client"),
            absl::string_view::npos);
  EXPECT_TRUE(registry_.Report(first->registration, report).ok());
  // Its owner may, and when it is gone anybody.
  const auto again = registry_.Register(report);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replaced.has_value());
  registry_.Lose(again->registration);
  EXPECT_TRUE(registry_.Register(thief).ok());
}

TEST_F(ServerRegistryTest, EventsTellTheLifeOfAServer) {
  const Registration first = Join(ReportOf(0));
  EXPECT_THAT(Events(), ElementsAre("s0 at host0:1 joined, weight 1",
                                    "s0 at host0:1 answers its health check"));
  const Registration again = Join(ReportOf(0));
  EXPECT_THAT(Events(), ElementsAre("s0 at host0:1 registered again, from "
                                    "host0:1",
                                    "s0 at host0:1 joined, weight 1",
                                    "s0 at host0:1 answers its health check"));
  ServerReport draining = ReportOf(0);
  draining.draining = true;
  ASSERT_TRUE(registry_.Report(again, draining).ok());
  ASSERT_TRUE(registry_.Report(again, draining).ok());
  EXPECT_THAT(Events(),
              ElementsAre("s0 at host0:1 drains: no new sockets go there"));
  registry_.Leave(first);
  EXPECT_THAT(Events(), IsEmpty());
  registry_.Leave(again);
  EXPECT_THAT(Events(), ElementsAre("s0 at host0:1 left"));
}

TEST_F(ServerRegistryTest, EventsTellHowAServerWasLost) {
  const std::vector<Registration> servers = JoinMany(5);
  registry_.TakeEvents();
  registry_.Lose(servers[0]);
  EXPECT_THAT(Events(), ElementsAre("s0 at host0:1 broke its stream without a "
                                    "goodbye"));
  clock_.Advance(kLease);
  for (int i = 2; i < 5; ++i) {
    ASSERT_TRUE(registry_.Report(servers[i], ReportOf(i)).ok());
  }
  clock_.Advance(absl::Seconds(1));
  registry_.Tick();
  EXPECT_THAT(Events(), ElementsAre("s1 at host1:1 was silent for 7s, longer "
                                    "than its lease of 6s"));
}

TEST_F(ServerRegistryTest, EventsTellWhatHealthChecksFound) {
  ASSERT_TRUE(registry_.AddStatic("a:1").ok());
  ASSERT_TRUE(registry_.AddStatic("b:1").ok());
  ASSERT_TRUE(registry_.AddStatic("c:1").ok());
  for (const char* address : {"a:1", "b:1", "c:1"}) {
    registry_.SetHealth(address, Health::kServing);
    registry_.SetHealth(address, Health::kServing);
  }
  EXPECT_THAT(Events(), ElementsAre("a:1 at a:1 answers its health check",
                                    "b:1 at b:1 answers its health check",
                                    "c:1 at c:1 answers its health check"));
  registry_.SetHealth("a:1", Health::kNotServing);
  EXPECT_THAT(Events(), ElementsAre("a:1 at a:1 answers its health check, but "
                                    "is not serving"));
  registry_.SetHealth("a:1", Health::kUnreachable);
  EXPECT_THAT(Events(), ElementsAre("a:1 at a:1 does not answer its health "
                                    "check from the balancer"));
  registry_.SetHealth("b:1", Health::kUnreachable);
  EXPECT_THAT(Events(), ElementsAre("b:1 at b:1 stopped answering its health "
                                    "check"));
  registry_.SetHealth("b:1", Health::kRefused);
  EXPECT_THAT(Events(),
              ElementsAre("b:1 at b:1 is gone: it refuses connections from the "
                          "balancer",
                          "b:1 at b:1 refuses connections from the balancer"));
}

TEST_F(ServerRegistryTest, EventsThatNobodyTakesAreBounded) {
  const Registration registration = Join(ReportOf(0));
  registry_.TakeEvents();
  ServerReport report = ReportOf(0);
  for (int i = 0; i < 10001; ++i) {
    report.draining = true;
    ASSERT_TRUE(registry_.Report(registration, report).ok());
    report.draining = false;
    ASSERT_TRUE(registry_.Report(registration, report).ok());
  }
  EXPECT_EQ(registry_.TakeEvents().size(), 10000U);
  EXPECT_THAT(registry_.TakeEvents(), IsEmpty());
}

TEST_F(ServerRegistryTest, TheVersionGrowsWhereverTheRosterOrTheChecksChange) {
  uint64_t version = registry_.version();
  const auto grows = [&] {
    return registry_.version() > std::exchange(version, registry_.version());
  };
  ASSERT_TRUE(registry_.AddStatic("a:1").ok());
  EXPECT_TRUE(grows());
  ASSERT_TRUE(registry_.AddStatic("a:1").ok());
  EXPECT_FALSE(grows()) << "it was there";
  registry_.SetHealth("a:1", Health::kServing);
  EXPECT_TRUE(grows());
  registry_.SetHealth("a:1", Health::kServing);
  EXPECT_FALSE(grows());
  const auto registered = registry_.Register(ReportOf(0));
  ASSERT_TRUE(registered.ok());
  EXPECT_TRUE(grows()) << "it is to be checked";
  ServerReport report = ReportOf(0);
  report.address = "moved:1";
  ASSERT_TRUE(registry_.Report(registered->registration, report).ok());
  EXPECT_TRUE(grows()) << "another address is to be checked";
  report.draining = true;
  ASSERT_TRUE(registry_.Report(registered->registration, report).ok());
  EXPECT_TRUE(grows()) << "nothing is to be checked";
  registry_.Tick();
  EXPECT_FALSE(grows());
  report.draining = false;
  ASSERT_TRUE(registry_.Report(registered->registration, report).ok());
  registry_.SetHealth("moved:1", Health::kServing);
  grows();
  report.weight = 2;
  ASSERT_TRUE(registry_.Report(registered->registration, report).ok());
  EXPECT_TRUE(grows());
  EXPECT_EQ((*registry_.MakeRoster())[1].weight(), 2);
  report.locality = {"eu", "a", ""};
  ASSERT_TRUE(registry_.Report(registered->registration, report).ok());
  EXPECT_TRUE(grows());
  EXPECT_EQ((*registry_.MakeRoster())[1].locality(), report.locality);
  registry_.Leave(registered->registration);
  EXPECT_TRUE(grows());
}

TEST_F(ServerRegistryTest, ThoseWhoHoldAnOldRosterSeeWhoIsGone) {
  const std::vector<Registration> servers = JoinMany(3);
  const auto before = registry_.MakeRoster();
  registry_.Leave(servers[0]);
  EXPECT_FALSE((*before)[0].available());
  ServerReport heavier = ReportOf(1);
  heavier.weight = 2;
  ASSERT_TRUE(registry_.Report(servers[1], heavier).ok());
  EXPECT_FALSE((*before)[1].available()) << "another took its place";
  EXPECT_TRUE((*before)[2].available());
}

TEST_F(ServerRegistryTest, AServerThatDrainsIsNotChecked) {
  const auto registered = registry_.Register(ReportOf(0));
  ASSERT_TRUE(registered.ok());
  ServerReport report = ReportOf(0);
  report.draining = true;
  ASSERT_TRUE(registry_.Report(registered->registration, report).ok());
  EXPECT_THAT(registry_.AddressesToCheck(), IsEmpty());
}

TEST_F(ServerRegistryTest, ListsServersByNameWhereverTheyComeFrom) {
  ASSERT_TRUE(registry_.AddStatic("b:1").ok());
  ASSERT_TRUE(registry_.AddStatic("z:1").ok());
  for (const char* address : {"b:1", "z:1"}) {
    registry_.SetHealth(address, Health::kServing);
  }
  Join(ReportOf(0));
  EXPECT_THAT(HandedOut(), ElementsAre("b:1", "s0", "z:1"));
  std::vector<std::string> listed;
  for (const ServerStatus& status : registry_.List()) {
    listed.push_back(status.report.server_id);
    EXPECT_EQ(status.is_static, status.report.server_id != "s0");
    EXPECT_EQ(status.report_age, status.is_static ? absl::InfiniteDuration()
                                                  : absl::ZeroDuration());
  }
  EXPECT_THAT(listed, ElementsAre("b:1", "s0", "z:1"));
}

TEST_F(ServerRegistryTest, SaysOnceThatServersDifferInTheirStore) {
  ServerReport stored = ReportOf(0);
  stored.store_generation = "8a";
  const Registration first = Join(stored);
  stored = ReportOf(1);
  stored.store_generation = "8a";
  Join(stored);
  ASSERT_TRUE(registry_.AddStatic("static:1").ok());
  EXPECT_EQ(registry_.stores(), 1U) << "of a static server nothing is known";
  Events();

  const Registration in_memory = Join(ReportOf(2));
  EXPECT_EQ(registry_.stores(), 2U);
  registry_.Tick();
  std::vector<std::string> events = Events();
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [](const std::string& event) {
                            return absl::StrContains(
                                event, "8a (s0 and 1 more), memory (s2)");
                          }),
            1)
      << absl::StrJoin(events, "\n");

  registry_.Leave(in_memory);
  EXPECT_EQ(registry_.stores(), 1U);
  EXPECT_THAT(Events(), Contains(HasSubstr("in one store again")));

  // A new report tells as much as a new registration.
  const uint64_t version = registry_.version();
  ServerReport other = ReportOf(0);
  other.store_generation = "9b";
  ASSERT_TRUE(registry_.Report(first, other).ok());
  EXPECT_EQ(registry_.stores(), 2U);
  EXPECT_GT(registry_.version(), version);
  EXPECT_EQ(registry_.Get("s0")->report.store_generation, "9b");
}

TEST_F(ServerRegistryTest, PicksFadeThreeTimesALeaseAndNotMoreOften) {
  ASSERT_TRUE(registry_.AddStatic("a:1").ok());
  registry_.SetHealth("a:1", Health::kServing);
  Join(ReportOf(0));
  const auto roster = registry_.MakeRoster();
  registry_.Tick();
  for (size_t server = 0; server < 2; ++server) {
    for (int i = 0; i < 8; ++i) (*roster)[server].CountPick();
  }
  clock_.Advance(kLease / 3 - absl::Nanoseconds(1));
  registry_.Tick();
  EXPECT_EQ((*roster)[0].load(), 8U);
  clock_.Advance(absl::Nanoseconds(1));
  registry_.Tick();
  registry_.Tick();
  EXPECT_EQ((*roster)[0].load(), 4U);
  EXPECT_EQ((*roster)[1].load(), 8U) << "its own reports say what became of it";
}

}  // namespace
}  // namespace msgproc::balancer
