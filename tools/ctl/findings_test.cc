#include "tools/ctl/findings.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "msgproc/v1/balancer.pb.h"
#include "wire/proto_duration.h"
#include "wire/proto_time.h"

namespace msgproc::ctl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::Vitals GoodVitals() {
  v1::Vitals vitals;
  vitals.set_version("0.9.0");
  *vitals.mutable_clock() = wire::ToProto(kNow);
  vitals.set_descriptors(799);
  vitals.set_descriptor_limit(1000);
  *vitals.mutable_certificates_expire() =
      wire::ToProto(kNow + absl::Hours(24 * 14));
  return vitals;
}

Answer Processor(const std::string& name) {
  Answer answer;
  answer.server = "unix:/run/" + name;
  answer.status.set_kind(admin::v1::SERVER_KIND_PROCESSOR);
  answer.status.set_server_id(name);
  *answer.status.mutable_vitals() = GoodVitals();
  answer.status.set_balancers(2);
  answer.status.set_balancers_registered(2);
  answer.clock_ahead = absl::ZeroDuration();
  return answer;
}

admin::v1::FleetServer Server(const std::string& name, uint64_t sessions = 0) {
  admin::v1::FleetServer server;
  server.mutable_status()->mutable_server()->set_server_id(name);
  server.mutable_status()->mutable_server()->set_address(name + ":1");
  server.mutable_status()->set_state(v1::SERVER_STATE_SERVING);
  server.mutable_status()->set_weight(1);
  server.mutable_status()->mutable_load()->set_sessions(sessions);
  *server.mutable_vitals() = GoodVitals();
  server.mutable_vitals()->clear_clock();
  return server;
}

Answer Balancer(const std::vector<admin::v1::FleetServer>& servers) {
  Answer answer;
  answer.server = "balancer:1";
  answer.status.set_kind(admin::v1::SERVER_KIND_BALANCER);
  *answer.status.mutable_vitals() = GoodVitals();
  answer.status.mutable_fleet()->set_serving(servers.size());
  answer.servers = servers;
  return answer;
}

auto Found(Severity severity, const std::string& kind,
           const std::string& server, const std::string& text) {
  return AllOf(Field(&Finding::severity, severity), Field(&Finding::kind, kind),
               Field(&Finding::server, server),
               Field(&Finding::text, HasSubstr(text)));
}

TEST(FindingsTest, AFleetThatIsWellHasNone) {
  EXPECT_THAT(
      Judge({Balancer({Server("a", 100), Server("b", 110)}), Processor("c")}),
      IsEmpty());
  EXPECT_EQ(WorstOf({}), Severity::kNote);
  EXPECT_EQ(FindingLines({}), "OK  nothing is wrong\n");
  EXPECT_EQ(FindingsJson({}), "{\"worst\":\"ok\",\"findings\":[]}\n");
}

TEST(FindingsTest, AServerThatDoesNotAnswer) {
  Answer answer;
  answer.server = "unix:/run/a";
  answer.failure = absl::UnavailableError("nothing answers");
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(Severity::kCritical, "no_answer", "unix:/run/a",
                                "nothing answers")));
}

TEST(FindingsTest, AServerThatIsTooOldToBeAsked) {
  Answer answer;
  answer.server = "unix:/run/a";
  answer.failure = absl::UnimplementedError("it is older");
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(Severity::kWarning, "too_old", "unix:/run/a",
                                "nothing is known of it: it is older")));
}

TEST(FindingsTest, ABalancerThatIsTooOldToTellOfItsServers) {
  Answer answer = Balancer({});
  answer.status.mutable_fleet()->set_serving(1);
  answer.servers_unknown = "it is older";
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(
                  Severity::kNote, "too_old", answer.server,
                  "nothing is known of each of its servers: it is older")));
}

TEST(FindingsTest, AProcessorThatItsBalancerDoesNotReach) {
  admin::v1::FleetServer server = Server("a");
  server.mutable_status()->set_state(v1::SERVER_STATE_UNHEALTHY);
  EXPECT_THAT(Judge({Balancer({server})}),
              ElementsAre(Found(Severity::kCritical, "unreachable", "a",
                                "is a:1 where it can be reached")));
  // Two balancers find the same.
  Answer other = Balancer({server});
  other.server = "balancer:2";
  EXPECT_EQ(Judge({Balancer({server}), other}).size(), 1U);
}

TEST(FindingsTest, AFleetThatVanished) {
  admin::v1::FleetServer server = Server("a");
  server.mutable_status()->set_state(v1::SERVER_STATE_STALE);
  Answer answer = Balancer({server});
  answer.status.mutable_fleet()->set_serving(0);
  answer.status.mutable_fleet()->set_stale(1);
  answer.status.mutable_fleet()->set_fail_static(true);
  EXPECT_THAT(
      Judge({answer}),
      ElementsAre(Found(Severity::kCritical, "fail_static", "balancer:1",
                        "most of its fleet"),
                  Found(Severity::kCritical, "stale", "a", "is it there?")));
  // Half of it is there again.
  answer.status.mutable_fleet()->set_serving(1);
  EXPECT_EQ(Judge({answer}).size(), 2U);
}

TEST(FindingsTest, ABalancerWithoutServers) {
  EXPECT_THAT(Judge({Balancer({})}),
              ElementsAre(Found(Severity::kCritical, "no_server", "balancer:1",
                                "no server to send clients to")));
}

TEST(FindingsTest, CordonedAndDrainingServersAreOnlyNoted) {
  admin::v1::FleetServer cordoned = Server("a");
  cordoned.mutable_status()->set_state(v1::SERVER_STATE_DRAINING);
  cordoned.mutable_status()->set_cordoned(true);
  admin::v1::FleetServer draining = Server("b");
  draining.mutable_status()->set_state(v1::SERVER_STATE_DRAINING);
  // It says so itself, too.
  Answer itself = Processor("a");
  itself.status.set_cordoned(true);
  const std::vector<Finding> findings =
      Judge({Balancer({cordoned, draining, Server("c")}), itself});
  EXPECT_THAT(findings,
              ElementsAre(Found(Severity::kNote, "cordoned", "a", "uncordon"),
                          Found(Severity::kNote, "draining", "b", "drains")));
  EXPECT_THAT(FindingLines(findings),
              AllOf(HasSubstr("NOTE  a is cordoned"), HasSubstr("OK  ")));
}

TEST(FindingsTest, StoresThatDiffer) {
  admin::v1::FleetServer stored = Server("a");
  stored.mutable_status()->set_store_generation("9f3c");
  EXPECT_THAT(Judge({Balancer({stored, Server("b")})}),
              ElementsAre(Found(Severity::kCritical, "stores", "",
                                "9f3c (a) and memory (b)")));
  // Of two that were asked themselves, too; a server that is only listed has
  // said nothing of a store.
  Answer a = Processor("a");
  a.status.set_store_generation("9f3c");
  EXPECT_EQ(Judge({a, Processor("b")}).size(), 1U);
  admin::v1::FleetServer listed = Server("b");
  listed.mutable_status()->set_static_(true);
  EXPECT_THAT(Judge({Balancer({stored, listed})}), IsEmpty());
}

TEST(FindingsTest, ReleasesThatAreMixed) {
  std::vector<admin::v1::FleetServer> servers;
  for (const char* name : {"a", "b", "c", "d"}) servers.push_back(Server(name));
  servers.push_back(Server("e"));
  servers.back().mutable_vitals()->set_version("1.0.0");
  EXPECT_THAT(
      Judge({Balancer(servers)}),
      ElementsAre(Found(Severity::kWarning, "versions", "",
                        "0.9.0 (a, b, balancer:1 and 2 more) and 1.0.0 (e)")));
}

TEST(FindingsTest, UnevenSockets) {
  EXPECT_THAT(Judge({Balancer({Server("a", 125), Server("b", 75)})}),
              IsEmpty());
  EXPECT_THAT(Judge({Balancer({Server("a", 126), Server("b", 74)})}),
              ElementsAre(Found(Severity::kWarning, "uneven", "a",
                                "has 126 sockets, and its share is 100"),
                          Found(Severity::kWarning, "uneven", "b",
                                "has 74 sockets, and its share is 100")));
  // Of few it says nothing.
  EXPECT_THAT(Judge({Balancer({Server("a", 20), Server("b", 0)})}), IsEmpty());
  EXPECT_EQ(Judge({Balancer({Server("a", 22), Server("b", 0)})}).size(), 2U);
}

TEST(FindingsTest, AShareIsByWeightAndOfThoseThatServe) {
  admin::v1::FleetServer heavy = Server("a", 300);
  heavy.mutable_status()->set_weight(3);
  admin::v1::FleetServer cordoned = Server("c", 0);
  cordoned.mutable_status()->set_state(v1::SERVER_STATE_DRAINING);
  admin::v1::FleetServer listed = Server("d", 0);
  listed.mutable_status()->set_static_(true);
  admin::v1::FleetServer weightless = Server("e", 500);
  weightless.mutable_status()->set_weight(0);
  EXPECT_THAT(Judge({Balancer(
                  {heavy, Server("b", 100), cordoned, listed, weightless})}),
              ElementsAre(Found(Severity::kNote, "draining", "c", "")));
}

TEST(FindingsTest, DescriptorsThatRunOut) {
  Answer answer = Processor("a");
  answer.status.mutable_vitals()->set_descriptors(800);
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(Severity::kWarning, "descriptors", "a",
                                "800 of 1000 file descriptors open (80%)")));
  answer.status.mutable_vitals()->set_descriptors(949);
  EXPECT_EQ(WorstOf(Judge({answer})), Severity::kWarning);
  answer.status.mutable_vitals()->set_descriptors(950);
  EXPECT_EQ(WorstOf(Judge({answer})), Severity::kCritical);
  answer.status.mutable_vitals()->set_descriptor_limit(0);
  EXPECT_THAT(Judge({answer}), IsEmpty());
  answer.status.mutable_vitals()->set_descriptor_limit(1);
  answer.status.mutable_vitals()->set_descriptors(0);
  EXPECT_THAT(Judge({answer}), IsEmpty());
}

TEST(FindingsTest, CertificatesThatExpireSoon) {
  // By its balancer's clock.
  admin::v1::FleetServer server = Server("a");
  const auto expires_in = [&](absl::Duration left) {
    *server.mutable_vitals()->mutable_certificates_expire() =
        wire::ToProto(kNow + left);
    return Judge({Balancer({server})});
  };
  EXPECT_THAT(expires_in(absl::Hours(24 * 14) - absl::Seconds(1)),
              ElementsAre(Found(Severity::kWarning, "certificate", "a",
                                "expires in 14 d")));
  EXPECT_EQ(WorstOf(expires_in(absl::Hours(48))), Severity::kWarning);
  EXPECT_EQ(WorstOf(expires_in(absl::Hours(48) - absl::Seconds(1))),
            Severity::kCritical);
  EXPECT_THAT(expires_in(absl::Seconds(1)),
              ElementsAre(Found(Severity::kCritical, "certificate", "a",
                                "expires in 1.0 s")));
  EXPECT_THAT(expires_in(absl::ZeroDuration()),
              ElementsAre(Found(Severity::kCritical, "certificate", "a",
                                "expired 0 µs ago")));
  EXPECT_THAT(expires_in(-absl::Hours(5)),
              ElementsAre(Found(Severity::kCritical, "certificate", "a",
                                "expired 5 h ago")));
  server.mutable_vitals()->clear_certificates_expire();
  EXPECT_THAT(Judge({Balancer({server})}), IsEmpty());
}

TEST(FindingsTest, ClocksThatAreApart) {
  Answer answer = Processor("a");
  answer.round_trip = absl::Seconds(2);
  answer.clock_ahead = absl::Seconds(3);
  EXPECT_THAT(Judge({answer}), IsEmpty());
  answer.clock_ahead = absl::Seconds(3.1);
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(Severity::kWarning, "clock", "a",
                                "a clock that is 3.1 s ahead")));
  answer.clock_ahead = -absl::Seconds(60);
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(Severity::kWarning, "clock", "a",
                                "a clock that is 60 s behind")));
  admin::v1::FleetServer server = Server("b");
  *server.mutable_clock_ahead() = wire::ToProto(absl::Seconds(2));
  EXPECT_THAT(Judge({Balancer({server})}), IsEmpty());
  *server.mutable_clock_ahead() = wire::ToProto(-absl::Seconds(4));
  EXPECT_THAT(
      Judge({Balancer({server})}),
      ElementsAre(Found(Severity::kWarning, "clock", "b", "4.0 s behind")));
}

TEST(FindingsTest, AServerThatWantsNobody) {
  Answer answer = Processor("a");
  answer.status.mutable_vitals()->set_why_not_serving("no worker serves");
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(Severity::kCritical, "not_serving", "a",
                                "no worker serves")));
}

TEST(FindingsTest, AProcessorThatABalancerDoesNotKnow) {
  Answer answer = Processor("a");
  answer.status.set_balancers_registered(1);
  EXPECT_THAT(Judge({answer}),
              ElementsAre(Found(Severity::kWarning, "registration", "a",
                                "registered with 1 of 2 balancers")));
}

TEST(FindingsTest, OneThatIsTooOldToSayMuch) {
  admin::v1::FleetServer old = Server("a");
  old.clear_vitals();
  EXPECT_THAT(Judge({Balancer({old})}),
              ElementsAre(Found(Severity::kNote, "silent", "a",
                                "of an older release")));
}

TEST(FindingsTest, WhatAServerSaysItselfCountsMoreThanWhatABalancerSays) {
  admin::v1::FleetServer before = Server("a");
  before.mutable_vitals()->set_descriptors(1000);
  EXPECT_THAT(Judge({Balancer({before}), Processor("a")}), IsEmpty());
}

TEST(FindingsTest, TheWorstComesFirst) {
  Answer answer = Processor("a");
  answer.status.set_cordoned(true);
  answer.status.set_balancers_registered(0);
  answer.status.mutable_vitals()->set_why_not_serving("draining");
  const std::vector<Finding> findings = Judge({answer});
  EXPECT_THAT(findings, ElementsAre(Field(&Finding::kind, "not_serving"),
                                    Field(&Finding::kind, "registration"),
                                    Field(&Finding::kind, "cordoned")));
  EXPECT_EQ(WorstOf(findings), Severity::kCritical);
  EXPECT_THAT(FindingLines(findings),
              HasSubstr("CRITICAL  a does not want new clients: draining\n"
                        "WARNING  a is registered with 0 of 2 balancers"));
}

TEST(FindingsTest, ScriptsReadJson) {
  EXPECT_EQ(
      FindingsJson({{Severity::kWarning, "clock", "a\"b", "x"},
                    {Severity::kNote, "silent", "", "y"}}),
      "{\"worst\":\"warning\",\"findings\":["
      "{\"severity\":\"warning\",\"kind\":\"clock\",\"server\":\"a\\\"b\","
      "\"text\":\"x\"},"
      "{\"severity\":\"note\",\"kind\":\"silent\",\"server\":\"\","
      "\"text\":\"y\"}]}\n");
}

TEST(FindingsTest, ATerminalIsTheOperatorsAlone) {
  EXPECT_THAT(FindingLines({{Severity::kNote, "x", "a\x1b[2J", "b\nc"}}),
              HasSubstr("NOTE  a\\x1b[2J b\\x0ac\n"));
}

}  // namespace
}  // namespace msgproc::ctl
