// Over the wire: a real balancer, and clients that speak ADS by hand.
#include "services/balancer/xds/ads_service.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "msgproc/xds/v1/resources.pb.h"
#include "services/balancer/testing/balancer_fixture.h"

namespace msgproc::balancer {
namespace {

using envoy::service::discovery::v3::AggregatedDiscoveryService;
using ::testing::IsEmpty;

// A client that wants endpoints and nothing else, with a connection of its own.
class EndpointsClient {
 public:
  EndpointsClient(const std::string& address, const std::string& id)
      : stub_(AggregatedDiscoveryService::NewStub(grpc::CreateCustomChannel(
            address, grpc::InsecureChannelCredentials(), OwnConnection()))),
        stream_(stub_->StreamAggregatedResources(&context_)) {
    AdsState::Request request;
    request.mutable_node()->set_id(id);
    Send(std::move(request));
  }
  ~EndpointsClient() {
    context_.TryCancel();
    if (!finished_) stream_->Finish();
  }

  // The ports of those that serve; reads, and acknowledges.
  std::vector<int> Read() {
    AdsState::Response response;
    if (!stream_->Read(&response)) return {};
    AdsState::Request ack;
    ack.set_version_info(response.version_info());
    ack.set_response_nonce(response.nonce());
    Send(std::move(ack));
    xds::v1::ClusterLoadAssignment load;
    EXPECT_TRUE(load.ParseFromString(response.resources(0).value()));
    std::vector<int> ports;
    for (const auto& locality : load.endpoints()) {
      const auto& endpoint = locality.lb_endpoints(0);
      EXPECT_EQ(endpoint.health_status(), xds::v1::HEALTH_STATUS_HEALTHY);
      ports.push_back(static_cast<int>(
          endpoint.endpoint().address().socket_address().port_value()));
    }
    return ports;
  }

  void Refuse(const std::string& nonce) {
    AdsState::Request nack;
    nack.set_response_nonce(nonce);
    nack.mutable_error_detail()->set_message("cannot use it\nat all");
    Send(std::move(nack));
  }

  grpc::Status Finish() {
    finished_ = true;
    return stream_->Finish();
  }

 private:
  static grpc::ChannelArguments OwnConnection() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return arguments;
  }

  void Send(AdsState::Request request) {
    request.set_type_url(std::string(TypeUrl(ResourceType::kEndpoints)));
    request.add_resource_names(std::string(kXdsServiceName));
    stream_->Write(request);
  }

  grpc::ClientContext context_;
  const std::unique_ptr<AggregatedDiscoveryService::Stub> stub_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<AdsState::Request, AdsState::Response>>
      stream_;
  bool finished_ = false;
};

class AdsServiceTest : public BalancerFixture {
 protected:
  void StartWithXds() {
    ServerOptions options = Options();
    options.xds_address = "127.0.0.1:0";
    Start(std::move(options));
  }

  // Server i is at port 1000 + i, and nobody looks whether that is so.
  static ServerReport ReportOf(int i, bool draining = false) {
    ServerReport report;
    report.server_id = absl::StrCat("s", i);
    report.address = absl::StrCat("127.0.0.1:", 1000 + i);
    report.draining = draining;
    return report;
  }
  void Join(int i) {
    const auto registration =
        server_->fleet().Register(ReportOf(i), [](const absl::Status&) {});
    ASSERT_TRUE(registration.ok()) << registration.status();
    server_->fleet().SetHealth(ReportOf(i).address, Health::kServing);
    registered_.push_back(*registration);
  }
  void Drain(int i) {
    ASSERT_TRUE(
        server_->fleet().Report(registered_[i], ReportOf(i, true)).ok());
  }

  double Metric(const std::string& line) {
    const std::string page = Http("GET", "/metrics");
    const size_t at = page.find("\n" + line + " ");
    if (at == std::string::npos) return -1;
    return std::stod(page.substr(at + line.size() + 2));
  }

  std::vector<Registration> registered_;
  std::set<int> drained_;
};

TEST_F(AdsServiceTest, TwoHundredServersAndFiftyClients) {
  StartWithXds();
  constexpr int kServers = 200;
  constexpr int kClients = 50;
  constexpr int kDrained = 20;
  for (int i = 0; i < kServers; ++i) Join(i);
  std::vector<std::unique_ptr<EndpointsClient>> clients;
  std::vector<std::vector<int>> endpoints;
  std::set<int> picked;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<EndpointsClient>(
        server_->xds_address(), absl::StrCat("client-", i)));
    endpoints.push_back(clients.back()->Read());
    ASSERT_EQ(endpoints.back().size(), AdsAssignment::kMaxServing);
    picked.insert(endpoints.back()[0]);
  }
  // Each has its own, as GetServer would have answered.
  EXPECT_GT(picked.size(), 25U);
  const std::string responses =
      "msgproc_balancer_xds_responses_total{resource=\"endpoints\"}";
  EXPECT_EQ(Metric(responses), kClients);

  // Those hear of it who have it, and nobody else.
  int concerned = 0;
  for (int i = 0; i < kDrained; ++i) {
    const int drained = endpoints[i][0];
    if (!drained_.insert(drained).second) continue;
    Drain(drained - 1000);
    for (int client = 0; client < kClients; ++client) {
      std::vector<int>& mine = endpoints[client];
      const auto at = std::find(mine.begin(), mine.end(), drained);
      if (at == mine.end()) continue;
      const std::vector<int> now = clients[client]->Read();
      ++concerned;
      ASSERT_EQ(now.size(), AdsAssignment::kMaxServing);
      EXPECT_EQ(std::find(now.begin(), now.end(), drained), now.end());
      // The others stay, in their order.
      mine.erase(at);
      EXPECT_TRUE(std::equal(mine.begin(), mine.end(), now.begin()));
      mine = now;
    }
  }
  EXPECT_GE(concerned, 1);
  EXPECT_EQ(Metric(responses), kClients + concerned);
  EXPECT_EQ(Metric("msgproc_balancer_xds_streams"), kClients);
}

TEST_F(AdsServiceTest, AClientThatCameFirstIsAnsweredOnceThereIsAServer) {
  StartWithXds();
  EndpointsClient client(server_->xds_address(), "early");
  while (Metric("msgproc_balancer_xds_streams") != 1) {
  }
  Join(0);
  EXPECT_EQ(client.Read(), std::vector<int>({1000}));
}

TEST_F(AdsServiceTest, ARefusalIsCountedAndNotAnswered) {
  StartWithXds();
  Join(0);
  EndpointsClient client(server_->xds_address(), "choosy");
  EXPECT_EQ(client.Read().size(), 1U);
  client.Refuse("1");
  const std::string refused =
      "msgproc_balancer_xds_refused_total{resource=\"endpoints\"}";
  while (Metric(refused) != 1) {
  }
  Join(1);
  // The next thing is what is new.
  EXPECT_EQ(client.Read(), std::vector<int>({1000, 1001}));
}

TEST_F(AdsServiceTest, StreamsEndInWordsWhenTheBalancerStops) {
  StartWithXds();
  Join(0);
  EndpointsClient client(server_->xds_address(), "a");
  EXPECT_EQ(client.Read().size(), 1U);
  server_->Drain(absl::Seconds(1));
  EXPECT_THAT(client.Read(), IsEmpty());
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the balancer stops");
}

TEST_F(AdsServiceTest, WhoAsksForTooMuchIsToldSo) {
  StartWithXds();
  EndpointsClient client(server_->xds_address(), std::string(300, 'x'));
  EXPECT_THAT(client.Read(), IsEmpty());
  const grpc::Status status = client.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(absl::StrContains(status.error_message(), "node.id has 300"));
}

}  // namespace
}  // namespace msgproc::balancer
