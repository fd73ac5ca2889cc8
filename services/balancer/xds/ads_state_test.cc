#include "services/balancer/xds/ads_state.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/xds/v1/resources.pb.h"

namespace msgproc::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Phase = AdsState::Phase;

// An exchange with one client, as it sees it.
class AdsStateTest : public testing::Test {
 protected:
  static AdsState::Request Ask(ResourceType type,
                               const std::vector<std::string>& names = {
                                   "processors"}) {
    AdsState::Request request;
    request.set_type_url(std::string(TypeUrl(type)));
    request.mutable_node()->set_id("a");
    for (const std::string& name : names) request.add_resource_names(name);
    return request;
  }

  static AdsState::Request Ack(const AdsState::Response& response,
                               const std::vector<std::string>& names = {
                                   "processors"}) {
    AdsState::Request request =
        Ask(*ResourceTypeOf(response.type_url()), names);
    request.set_version_info(response.version_info());
    request.set_response_nonce(response.nonce());
    return request;
  }

  static AdsState::Request Nack(const AdsState::Response& response) {
    AdsState::Request request = Ack(response);
    request.set_version_info("");
    request.mutable_error_detail()->set_message("no good");
    return request;
  }

  // No refusal.
  void Say(const AdsState::Request& request) {
    const auto refusal = state_.OnRequest(request);
    ASSERT_TRUE(refusal.ok()) << refusal.status();
    EXPECT_FALSE(refusal->has_value()) << (*refusal)->reason;
  }

  AdsState::Response Next() {
    auto response = state_.NextResponse();
    EXPECT_TRUE(response.has_value());
    return response.value_or(AdsState::Response());
  }

  bool Silent() { return !state_.NextResponse().has_value(); }

  // "ip:port/health", with the priority in front.
  static std::vector<std::string> Endpoints(
      const AdsState::Response& response) {
    xds::v1::ClusterLoadAssignment load;
    EXPECT_EQ(response.resources_size(), 1);
    EXPECT_TRUE(load.ParseFromString(response.resources(0).value()));
    EXPECT_EQ(load.cluster_name(), "processors");
    std::vector<std::string> endpoints;
    for (const auto& locality : load.endpoints()) {
      EXPECT_TRUE(locality.has_locality());
      EXPECT_EQ(locality.load_balancing_weight().value(), 1U);
      for (const auto& one : locality.lb_endpoints()) {
        const auto& socket = one.endpoint().address().socket_address();
        endpoints.push_back(std::to_string(locality.priority()) + " " +
                            socket.address() + ":" +
                            std::to_string(socket.port_value()) + "/" +
                            std::to_string(one.health_status()));
      }
    }
    return endpoints;
  }

  AdsState state_;
};

TEST_F(AdsStateTest, AClientIsLedFromListenerToEndpoints) {
  Say(Ask(ResourceType::kListener));
  EXPECT_EQ(state_.node_id(), "a");
  const AdsState::Response listener = Next();
  EXPECT_EQ(listener.resources(0).type_url(), listener.type_url());
  EXPECT_THAT(listener.resources(0).value(),
              HasSubstr("http_connection_manager.v3.HttpConnectionManager"));
  EXPECT_EQ(listener.version_info(), "1");
  Say(Ack(listener));
  EXPECT_EQ(state_.phase(ResourceType::kListener), Phase::kAccepted);
  Say(Ask(ResourceType::kRoute));
  const AdsState::Response route = Next();
  xds::v1::RouteConfiguration routes;
  ASSERT_TRUE(routes.ParseFromString(route.resources(0).value()));
  EXPECT_THAT(routes.virtual_hosts(0).domains(), ElementsAre("*"));
  EXPECT_EQ(routes.virtual_hosts(0).routes(0).route().cluster(), "processors");
  Say(Ask(ResourceType::kCluster));
  xds::v1::Cluster cluster;
  ASSERT_TRUE(cluster.ParseFromString(Next().resources(0).value()));
  EXPECT_EQ(cluster.type(), xds::v1::DISCOVERY_TYPE_EDS);
  EXPECT_TRUE(cluster.eds_cluster_config().eds_config().has_ads());

  EXPECT_FALSE(state_.wants_endpoints());
  Say(Ask(ResourceType::kEndpoints));
  EXPECT_TRUE(state_.wants_endpoints());
  EXPECT_TRUE(Silent());  // None are known yet.
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1}, {"::1", 2}},
                       .draining = {{"10.0.0.3", 3}}});
  EXPECT_THAT(Endpoints(Next()),
              ElementsAre("0 10.0.0.1:1/1", "0 10.0.0.3:3/3", "1 ::1:2/1"));
  EXPECT_TRUE(Silent());
}

TEST_F(AdsStateTest, AClientIsWhereItSaidLast) {
  EXPECT_TRUE(state_.locality().empty());
  AdsState::Request request = Ask(ResourceType::kListener);
  Say(request);
  EXPECT_TRUE(state_.locality().empty());
  request.mutable_node()->mutable_locality()->set_region("eu");
  request.mutable_node()->mutable_locality()->set_zone("a");
  request.mutable_node()->mutable_locality()->set_sub_zone("rack-7");
  Say(request);
  EXPECT_EQ(state_.locality(), (Locality{"eu", "a", "rack-7"}));
  // Later requests need not repeat it.
  Say(Ask(ResourceType::kCluster));
  EXPECT_EQ(state_.locality(), (Locality{"eu", "a", "rack-7"}));
  request.mutable_node()->mutable_locality()->set_zone("two words");
  EXPECT_THAT(std::string(state_.OnRequest(request).status().message()),
              HasSubstr("zone of a locality is \"two words\""));
}

TEST_F(AdsStateTest, EndpointsSayWhereTheyAre) {
  Say(Ask(ResourceType::kEndpoints));
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1, {"eu", "a", "rack-7"}}}});
  xds::v1::ClusterLoadAssignment load;
  ASSERT_TRUE(load.ParseFromString(Next().resources(0).value()));
  EXPECT_EQ(load.endpoints(0).locality().region(), "eu");
  EXPECT_EQ(load.endpoints(0).locality().zone(), "a");
  EXPECT_EQ(load.endpoints(0).locality().sub_zone(), "rack-7");
  // One that moves is another one.
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1, {"eu", "b", ""}}}});
  EXPECT_EQ(state_.phase(ResourceType::kEndpoints), Phase::kDue);
}

TEST_F(AdsStateTest, NewEndpointsAreSentOnceEach) {
  Say(Ask(ResourceType::kEndpoints));
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1}}});
  const AdsState::Response first = Next();
  Say(Ack(first));
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1}}});
  EXPECT_TRUE(Silent());
  state_.SetEndpoints({.serving = {{"10.0.0.2", 1}}});
  const AdsState::Response second = Next();
  EXPECT_EQ(first.nonce() + second.nonce(), "12");
  EXPECT_EQ(first.version_info() + second.version_info(), "12");
  EXPECT_THAT(Endpoints(second), ElementsAre("0 10.0.0.2:1/1"));
  // Overtaken: the answer to the second says it all.
  state_.SetEndpoints({.serving = {{"10.0.0.3", 1}}});
  Say(Ack(first));
  EXPECT_EQ(state_.phase(ResourceType::kEndpoints), Phase::kDue);
  const AdsState::Response third = Next();
  Say(Ack(second));
  EXPECT_EQ(state_.phase(ResourceType::kEndpoints), Phase::kSent);
  Say(Ack(third));
  EXPECT_EQ(state_.phase(ResourceType::kEndpoints), Phase::kAccepted);
}

TEST_F(AdsStateTest, WhatWasRefusedIsNotSentAgain) {
  Say(Ask(ResourceType::kEndpoints));
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1}}});
  const AdsState::Response first = Next();
  auto refusal = state_.OnRequest(Nack(first));
  ASSERT_TRUE(refusal.ok() && refusal->has_value());
  EXPECT_EQ((*refusal)->type, ResourceType::kEndpoints);
  EXPECT_EQ((*refusal)->version, first.version_info());
  EXPECT_EQ((*refusal)->reason, "no good");
  EXPECT_EQ(state_.phase(ResourceType::kEndpoints), Phase::kRefused);
  EXPECT_TRUE(Silent());
  // Said twice, counted once; and asking for more changes nothing.
  Say(Nack(first));
  Say(Ack(first, {}));
  Say(Ack(first));
  EXPECT_TRUE(Silent());
  EXPECT_EQ(state_.phase(ResourceType::kEndpoints), Phase::kRefused);
  state_.SetEndpoints({.serving = {{"10.0.0.2", 1}}});
  EXPECT_THAT(Endpoints(Next()), ElementsAre("0 10.0.0.2:1/1"));
  // Who begins anew is answered, and refuses again.
  Say(Ask(ResourceType::kListener));
  refusal = state_.OnRequest(Nack(Next()));
  ASSERT_TRUE(refusal.ok() && refusal->has_value());
  Say(Ask(ResourceType::kListener));
  EXPECT_EQ(Next().resources_size(), 1);
}

TEST_F(AdsStateTest, ARefusalThatNewerEndpointsOvertakeIsStillSaid) {
  Say(Ask(ResourceType::kEndpoints));
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1}}});
  const AdsState::Response first = Next();
  state_.SetEndpoints({.serving = {{"10.0.0.2", 1}}});
  const auto refusal = state_.OnRequest(Nack(first));
  ASSERT_TRUE(refusal.ok() && refusal->has_value());
  EXPECT_THAT(Endpoints(Next()), ElementsAre("0 10.0.0.2:1/1"));
}

TEST_F(AdsStateTest, NamesThatDoNotExistAreAnswered) {
  Say(Ask(ResourceType::kListener, {"other"}));
  const AdsState::Response none = Next();
  EXPECT_THAT(none.resources(), IsEmpty());
  Say(Ack(none, {"other"}));
  EXPECT_TRUE(Silent());
  // Each request has all names: ours, then, too.
  Say(Ack(none, {"processors", "other"}));
  const AdsState::Response ours = Next();
  EXPECT_EQ(ours.resources_size(), 1);
  Say(Ack(ours, {"other", "processors"}));
  Say(Ack(ours, {"processors"}));
  EXPECT_TRUE(Silent());
  Say(Ack(ours, {"another", "processors"}));
  EXPECT_EQ(Next().resources_size(), 1);
  // Of these a client hears nothing, and waits.
  Say(Ask(ResourceType::kEndpoints, {"other"}));
  Say(Ask(ResourceType::kRoute, {"other"}));
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1}}});
  EXPECT_TRUE(Silent());
}

TEST_F(AdsStateTest, NoNamesAreAllOfListenersAndClusters) {
  Say(Ask(ResourceType::kCluster, {}));
  EXPECT_EQ(Next().resources_size(), 1);
  Say(Ask(ResourceType::kListener, {}));
  EXPECT_EQ(Next().resources_size(), 1);
  Say(Ask(ResourceType::kRoute, {}));
  EXPECT_TRUE(Silent());
}

TEST_F(AdsStateTest, WhoWantsNoEndpointsAnyMoreGetsNone) {
  Say(Ask(ResourceType::kEndpoints));
  state_.SetEndpoints({.serving = {{"10.0.0.1", 1}}});
  const AdsState::Response first = Next();
  Say(Ack(first, {}));
  EXPECT_FALSE(state_.wants_endpoints());
  state_.SetEndpoints({.serving = {{"10.0.0.2", 1}}});
  EXPECT_TRUE(Silent());
  Say(Ack(first));
  EXPECT_THAT(Endpoints(Next()), ElementsAre("0 10.0.0.2:1/1"));
}

TEST_F(AdsStateTest, AStreamThatIsNewIsAnsweredWhateverAFormerOneHad) {
  AdsState::Request request = Ask(ResourceType::kListener);
  request.set_version_info("1");
  request.set_response_nonce("77");
  Say(request);
  EXPECT_EQ(Next().resources_size(), 1);
}

TEST_F(AdsStateTest, UnknownTypesAreLeftUnanswered) {
  AdsState::Request request;
  request.set_type_url("type.googleapis.com/envoy.service.runtime.v3.Runtime");
  Say(request);
  EXPECT_TRUE(Silent());
}

TEST_F(AdsStateTest, BoundsHold) {
  std::vector<std::string> names(AdsState::kMaxNames, "x");
  Say(Ask(ResourceType::kListener, names));
  names.emplace_back("x");
  EXPECT_THAT(
      state_.OnRequest(Ask(ResourceType::kListener, names)).status().message(),
      HasSubstr("101 resource_names; at most 100"));
  const std::string longest(AdsState::kMaxNameBytes, 'x');
  Say(Ask(ResourceType::kListener, {longest}));
  EXPECT_THAT(state_.OnRequest(Ask(ResourceType::kListener, {longest + "x"}))
                  .status()
                  .message(),
              HasSubstr("257 bytes; at most 256"));
  AdsState::Request request = Ask(ResourceType::kListener);
  request.mutable_node()->set_id(longest);
  Say(request);
  request.mutable_node()->set_id(longest + "x");
  EXPECT_THAT(state_.OnRequest(request).status().message(),
              HasSubstr("node.id has 257 bytes"));
}

}  // namespace
}  // namespace msgproc::balancer
