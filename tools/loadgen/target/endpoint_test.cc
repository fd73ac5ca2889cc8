#include "tools/loadgen/target/endpoint.h"

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"

namespace msgproc::loadgen {
namespace {

using testing::HasSubstr;

// Port 1 belongs to a service that nobody runs.
constexpr char kNobody[] = "127.0.0.1:1";

absl::StatusOr<Endpoint> Find(const Options& options) {
  return FindEndpoint(*MakePlan(options), kNobody);
}

std::string Mistake(Options options) {
  options.setting_name = base::AsFlag;
  const auto endpoint = Find(options);
  EXPECT_EQ(endpoint.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(endpoint.status().message());
}

TEST(EndpointTest, WithoutATargetAndAListenerAProcessorIsEmbedded) {
  const auto endpoint = Find(Options());
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  ASSERT_NE(endpoint->embedded, nullptr);
  EXPECT_TRUE(SomethingListensAt(endpoint->where));
  EXPECT_EQ(endpoint->stream_options.target, endpoint->where);
}

TEST(EndpointTest, WithoutATargetAListenerOnTheDefaultPortIsUsed) {
  const auto listener = EmbeddedProcessor::Start();
  const auto endpoint =
      FindEndpoint(*MakePlan(Options()), (*listener)->address());
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->embedded, nullptr);
  EXPECT_EQ(endpoint->where, (*listener)->address());
}

TEST(EndpointTest, ATargetIsUsedAsItIs) {
  Options options;
  options.target = "unix:/run/processor.sock";
  EXPECT_EQ(Find(options)->stream_options.target, "unix:/run/processor.sock");
}

TEST(EndpointTest, BalancersAreAskedInOrder) {
  Options options;
  options.balancer = "a:1,b:2";
  const auto endpoint = Find(options);
  EXPECT_THAT(endpoint->stream_options.balancers,
              testing::ElementsAre("a:1", "b:2"));
  EXPECT_TRUE(endpoint->stream_options.target.empty());
}

TEST(EndpointTest, AnAddressNeedsAHostAndAPort) {
  for (const char* good :
       {"a:1", "127.0.0.1:65535", "[::1]:1", "unix:/x", "dns:///a",
        "ipv4:127.0.0.1:1,127.0.0.2:1", "xds:///processors"}) {
    EXPECT_TRUE(CheckAddress(base::AsFlag, "target", good).ok()) << good;
  }
  for (const char* bad :
       {"a", "", ":1", "a:", "a:0", "a:65536", "a:x", "unix:", "http://a:1"}) {
    EXPECT_FALSE(CheckAddress(base::AsFlag, "target", bad).ok()) << bad;
  }
  Options options;
  options.target = "localhost";
  EXPECT_THAT(Mistake(options), HasSubstr("--target=localhost: is no address"));
  options.target.clear();
  options.balancer = "a:1,b";
  EXPECT_THAT(Mistake(options), HasSubstr("--balancer=b"));
}

TEST(EndpointTest, CertificatesMustBeThereAndBePem) {
  Options options;
  options.target = "a:1";
  options.tls_ca = "/nowhere/ca.pem";
  EXPECT_THAT(Mistake(options), HasSubstr("--tls_ca=/nowhere/ca.pem"));
  options.tls_ca = testing::TempDir() + "/not.pem";
  std::ofstream(options.tls_ca) << "hello";
  EXPECT_THAT(Mistake(options), HasSubstr("is not a PEM file"));
}

TEST(EndpointTest, TlsIsNotForTheEmbeddedProcessor) {
  Options options;
  options.tls_server_name = "localhost";
  EXPECT_THAT(Mistake(options), HasSubstr("--target"));
}

}  // namespace
}  // namespace msgproc::loadgen
