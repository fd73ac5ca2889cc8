// Look-ups and the servers they find, against the real balancer.
#include "services/balancer/server.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/balancer/testing/balancer_fixture.h"
#include "services/balancer/testing/fake_processor.h"
#include "services/base/testing/dynamic_call.h"
#include "services/base/testing/eventually.h"

namespace msgproc::balancer {
namespace {

using base::Eventually;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

using ServerTest = BalancerFixture;

TEST_F(ServerTest, SaysUnavailableWhenThereIsNoServer) {
  Start(Options());
  EXPECT_EQ(GetServer(),
            "14: no server: none is registered with this balancer");
}

TEST_F(ServerTest, GivesARegisteredServerAndItsAlternatives) {
  Start(Options());
  FakeProcessor first;
  FakeProcessor second;
  FakeRegistration one(address(), "one", first.address());
  FakeRegistration two(address(), "two", second.address());
  ASSERT_TRUE(one.Report() && two.Report());
  ASSERT_TRUE(Eventually([&] {
    v1::GetServerResponse response;
    return GetServer({}, &response).ok() && response.alternatives_size() == 1;
  }));
  v1::GetServerResponse response;
  v1::GetServerRequest request;
  request.add_exclude(first.address());
  ASSERT_TRUE(GetServer(request, &response).ok());
  EXPECT_EQ(response.server().server_id(), "two");
  EXPECT_EQ(response.server().address(), second.address());
  EXPECT_EQ(response.alternatives_size(), 0);
}

TEST_F(ServerTest, CanBeCalledByAGenericClientThroughReflection) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  ASSERT_TRUE(registration.Report());
  ASSERT_TRUE(Eventually([&] { return GetServer() == "one"; }));
  const std::string services = base::CallText(
      channel_,
      {"/grpc.reflection.v1alpha.ServerReflection/"
       "ServerReflectionInfo",
       "grpc.reflection.v1alpha.ServerReflectionRequest", "list_services: ''",
       "grpc.reflection.v1alpha.ServerReflectionResponse"});
  EXPECT_THAT(services, AllOf(HasSubstr("msgproc.v1.Balancer"),
                              HasSubstr("msgproc.v1.Registry")));
  const std::string described = base::CallText(
      channel_,
      {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
       "grpc.reflection.v1alpha.ServerReflectionRequest",
       "file_containing_symbol: 'msgproc.v1.Balancer'",
       "grpc.reflection.v1alpha.ServerReflectionResponse"});
  EXPECT_THAT(described, HasSubstr("GetServer"));
  EXPECT_THAT(base::CallText(channel_, {"/msgproc.v1.Balancer/GetServer",
                                        "msgproc.v1.GetServerRequest", "",
                                        "msgproc.v1.GetServerResponse"}),
              HasSubstr("server_id: \"one\""));
}

TEST_F(ServerTest, RefusesFieldsOverTheirBounds) {
  Start(Options());
  v1::GetServerRequest request;
  request.set_affinity_key(std::string(1025, 'x'));
  EXPECT_THAT(GetServer(request), HasSubstr("3: affinity_key has 1025 bytes"));
  request.Clear();
  for (int i = 0; i < 65; ++i) request.add_exclude("a:1");
  EXPECT_THAT(GetServer(request), HasSubstr("3: exclude has 65 addresses"));
}

TEST_F(ServerTest, ListsServersWithTheirLoad) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  registration.report().set_sessions(7);
  registration.report().set_weight(2);
  registration.report().set_messages_per_second(12.5);
  registration.report().set_utilization(0.5);
  ASSERT_TRUE(registration.Report());
  ASSERT_TRUE(
      Eventually([&] { return StateOf("one") == v1::SERVER_STATE_SERVING; }));
  const v1::ListServersResponse list = List();
  ASSERT_EQ(list.servers_size(), 1);
  EXPECT_EQ(list.servers(0).server().address(), processor.address());
  EXPECT_EQ(list.servers(0).load().sessions(), 7U);
  EXPECT_EQ(list.servers(0).weight(), 2);
  EXPECT_EQ(list.servers(0).load().messages_per_second(), 12.5);
  EXPECT_EQ(list.servers(0).load().utilization(), 0.5);
  EXPECT_LT(list.servers(0).report_age().seconds(), 30);
  EXPECT_FALSE(list.servers(0).static_());
}

TEST_F(ServerTest, StaticServersComeAndGoWithTheirHealth) {
  FakeProcessor first;
  FakeProcessor second;
  ServerOptions options = Options();
  options.static_servers = {first.address(), second.address()};
  Start(std::move(options));
  ASSERT_TRUE(Eventually([&] {
    return StateOf(first.address()) == v1::SERVER_STATE_SERVING &&
           StateOf(second.address()) == v1::SERVER_STATE_SERVING;
  }));
  EXPECT_TRUE(List().servers(0).static_());
  EXPECT_FALSE(List().servers(0).has_report_age());
  // By what it says,
  first.grpc().SetServing(false);
  ASSERT_TRUE(Eventually(
      [&] { return StateOf(first.address()) == v1::SERVER_STATE_UNHEALTHY; }));
  EXPECT_EQ(GetServer(), second.address());
  first.grpc().SetServing(true);
  ASSERT_TRUE(Eventually(
      [&] { return StateOf(first.address()) == v1::SERVER_STATE_SERVING; }));
  // and by its being there.
  second.Stop();
  ASSERT_TRUE(Eventually(
      [&] { return StateOf(second.address()) == v1::SERVER_STATE_UNHEALTHY; }));
  EXPECT_EQ(GetServer(), first.address());
  second.Restart();
  ASSERT_TRUE(Eventually(
      [&] { return StateOf(second.address()) == v1::SERVER_STATE_SERVING; }));
}

TEST_F(ServerTest, AnswersTheOldestClientsOverHttp) {
  ServerOptions options = Options();
  options.fleet.policy = PolicyKind::kConsistentHash;
  Start(std::move(options));
  EXPECT_THAT(Http("GET", "/get-server"),
              AllOf(HasSubstr(" 503 "), HasSubstr("{\"error\":\"no server")));
  FakeProcessor first;
  FakeProcessor second;
  FakeRegistration one(address(), "one", first.address());
  FakeRegistration two(address(), "two", second.address());
  ASSERT_TRUE(one.Report() && two.Report());
  ASSERT_TRUE(Eventually([&] {
    v1::GetServerResponse response;
    return GetServer({}, &response).ok() && response.alternatives_size() == 1;
  }));
  EXPECT_THAT(
      Http("GET", absl::StrCat("/get-server?exclude=", first.address())),
      AllOf(HasSubstr(" 200 "), HasSubstr("Content-Type: application/json"),
            EndsWith(absl::StrCat("\r\n\r\n{\"server_id\":\"two\",\"address\":"
                                  "\"",
                                  second.address(),
                                  "\",\"alternatives\":[]}\n"))));
  const std::string answer = Http("GET", "/get-server?affinity_key=a%20key");
  EXPECT_THAT(answer, HasSubstr("\"alternatives\":[{\"server_id\":\""));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Http("GET", "/get-server?affinity_key=a%20key").substr(200),
              answer.substr(200));
  }
  EXPECT_THAT(Http("GET", "/list"),
              AllOf(HasSubstr(" 200 "), HasSubstr("\"server_id\":\"one\""),
                    HasSubstr("\"server_id\":\"two\""),
                    HasSubstr("\"policy\":\"consistent_hash\"")));
  EXPECT_THAT(Http("GET", "/health"),
              AllOf(HasSubstr(" 200 "), HasSubstr("\"serving\":2")));
  EXPECT_THAT(Http("GET", "/healthz"), HasSubstr(" 200 "));
  EXPECT_THAT(Http("GET", "/readyz"), HasSubstr(" 200 "));
}

TEST_F(ServerTest, WithoutAServingProcessorItIsDegradedAndNotToBeRestarted) {
  Start(Options());
  const auto health = [this] { return Http("GET", "/health"); };
  const auto degraded =
      HasSubstr("{\"status\":\"degraded\",\"serving\":0,\"servers\":");
  EXPECT_THAT(health(), AllOf(HasSubstr(" 200 "), degraded));
  EXPECT_THAT(Http("GET", "/healthz"), HasSubstr(" 200 "));
  EXPECT_THAT(Http("GET", "/readyz"), HasSubstr(" 200 "));
  // One that is known and does not answer changes nothing.
  ASSERT_TRUE(server_->fleet().AddStatic("127.0.0.1:1").ok());
  EXPECT_THAT(health(), AllOf(degraded, HasSubstr("\"unhealthy\":1")));
}

TEST_F(ServerTest, SaysWhatIsWrongOverHttp) {
  Start(Options());
  const auto is_400 = AllOf(HasSubstr(" 400 "), HasSubstr("application/json"),
                            HasSubstr("{\"error\":\""));
  EXPECT_THAT(Http("GET", "/index.html"), is_400);
  EXPECT_THAT(Http("GET", "/nothing"), is_400);
  EXPECT_THAT(Http("POST", "/get-server"), is_400);
  EXPECT_THAT(Http("GET", "/get-server?excluded=a:1"),
              AllOf(is_400, HasSubstr("excluded")));
  EXPECT_THAT(Http("GET", absl::StrCat("/get-server?affinity_key=",
                                       std::string(1025, 'x'))),
              is_400);
}

TEST_F(ServerTest, CountsWhatItDoes) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  GetServer();
  ASSERT_TRUE(registration.Report());
  ASSERT_TRUE(Eventually([&] { return GetServer() == "one"; }));
  const std::string metrics = Http("GET", "/metrics");
  for (const std::string line :
       {"msgproc_balancer_servers{state=\"serving\"} 1",
        "msgproc_balancer_lookups_total{result=\"ok\"} 1",
        "msgproc_balancer_lookup_zones_total{zone=\"none\"} 1",
        "msgproc_balancer_lookup_zones_total{zone=\"other\"} 0",
        "msgproc_balancer_lookup_zones_total{zone=\"same\"} 0",
        "msgproc_balancer_lookup_duration_seconds_count",
        "msgproc_balancer_moves_total 0",
        "msgproc_balancer_leases_expired_total 0",
        "msgproc_balancer_registrations_total 1",
        "msgproc_balancer_fail_static 0", "msgproc_balancer_connections",
        "grpc_method=\"GetServer\"", "msgproc_build_info",
        "process_open_fds"}) {
    EXPECT_THAT(metrics, HasSubstr(line));
  }
}

TEST(ServerStartTest, RefusesWhatCannotBe) {
  ServerOptions options;
  options.grpc.acceptor.address = "127.0.0.1:0";
  options.static_servers = {"nonsense"};
  EXPECT_EQ(Server::Start(options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.static_servers.clear();
  options.register_token_file = "/nonexistent";
  EXPECT_EQ(Server::Start(options).status().code(),
            absl::StatusCode::kNotFound);
  options.register_token_file.clear();
  options.processor_ca = "/nonexistent";
  EXPECT_EQ(Server::Start(options).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace msgproc::balancer
