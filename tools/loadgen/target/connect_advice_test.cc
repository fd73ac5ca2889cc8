#include "tools/loadgen/target/connect_advice.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"

namespace msgproc::loadgen {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Serves = ServiceFacts::Serves;
using Speaks = PeerFacts::Speaks;

FailedAddress At(const PeerFacts& peer, const ServiceFacts& services = {},
                 bool is_balancer = false) {
  return {.address = "host:1",
          .is_balancer = is_balancer,
          .looked = true,
          .peer = peer,
          .services = services};
}

Options Plain() {
  Options options;
  options.setting_name = base::AsFlag;
  return options;
}

Options Tls() {
  Options options = Plain();
  options.tls_ca = "ca.pem";
  return options;
}

const absl::Status kLate = absl::DeadlineExceededError("late");

TEST(ConnectAdviceTest, NobodyThereIsToBeStarted) {
  EXPECT_THAT(
      Explain(Plain(), At({.unreachable = "Connection refused"}), kLate),
      AllOf(HasSubstr("Nothing answers at host:1 (Connection refused)"),
            HasSubstr("bazel run //services/processor"),
            HasSubstr("--connect_timeout (now 10s)")));
  EXPECT_THAT(Explain(Plain(), At({.unreachable = "x"}, {}, true), kLate),
              HasSubstr("Start a balancer there"));
  EXPECT_THAT(
      Explain(Plain(), At({.unreachable = "unknown", .no_such_host = true}),
              kLate),
      HasSubstr("no host of the name in host:1"));
}

TEST(ConnectAdviceTest, StreamsBeyondAConnectionsCapAreToldTheirShape) {
  Options options = Plain();
  options.streams_per_connection = 300;
  EXPECT_THAT(ExplainWaitingStreams(options, {100}),
              AllOf(HasSubstr("Of 300 streams on the connection 100 found a"),
                    HasSubstr("--connections=3 --streams_per_connection=100"),
                    HasSubstr("a larger --max_streams_per_connection")));
  options.connections = 2;
  options.streams_per_connection = 101;
  EXPECT_THAT(ExplainWaitingStreams(options, {100, 100}),
              HasSubstr("--connections=3 --streams_per_connection=100"));
  // One connection is whole, or has none: that is something else.
  EXPECT_EQ(ExplainWaitingStreams(options, {101, 101}), "");
  EXPECT_EQ(ExplainWaitingStreams(options, {100, 0}), "");
  EXPECT_EQ(ExplainWaitingStreams(options, {}), "");
}

TEST(ConnectAdviceTest, AMismatchOfTlsNamesTheFlags) {
  EXPECT_THAT(Explain(Tls(), At({.speaks = Speaks::kPlaintext}), kLate),
              HasSubstr("speaks plaintext"));
  EXPECT_THAT(Explain(Plain(), At({.speaks = Speaks::kTls}), kLate),
              HasSubstr("give --tls_ca=FILE"));
  EXPECT_THAT(
      Explain(Plain(),
              At({.speaks = Speaks::kTls, .asks_for_certificate = true}),
              kLate),
      HasSubstr("--tls_cert and --tls_key"));
}

TEST(ConnectAdviceTest, WhatIsWrongWithACertificateIsSaid) {
  EXPECT_THAT(Explain(Tls(),
                      At({.speaks = Speaks::kTls,
                          .verify_error = "self-signed certificate"}),
                      kLate),
              AllOf(HasSubstr("self-signed"), HasSubstr("--tls_ca=ca.pem")));
  EXPECT_THAT(Explain(Tls(),
                      At({.speaks = Speaks::kTls,
                          .verify_error = "certificate has expired"}),
                      kLate),
              HasSubstr("Give the server a new one"));
  EXPECT_THAT(Explain(Tls(),
                      At({.speaks = Speaks::kTls,
                          .wrong_name = true,
                          .names = "a.example, b.example"}),
                      kLate),
              HasSubstr("--tls_server_name=a.example"));
  EXPECT_THAT(
      Explain(Tls(), At({.speaks = Speaks::kTls, .asks_for_certificate = true}),
              kLate),
      HasSubstr("asks for a client certificate, and none is given"));
}

TEST(ConnectAdviceTest, AnotherKindOfServerIsCalledByItsName) {
  const PeerFacts plain{.speaks = Speaks::kPlaintext};
  const absl::Status why = absl::UnimplementedError("");
  EXPECT_THAT(Explain(Plain(), At(plain, {.serves = Serves::kBalancer}), why),
              HasSubstr("--balancer=host:1"));
  EXPECT_THAT(
      Explain(Plain(), At(plain, {.serves = Serves::kProcessor}, true), why),
      HasSubstr("--target=host:1"));
  EXPECT_THAT(Explain(Plain(), At(plain, {.serves = Serves::kNeither}), why),
              HasSubstr("neither a processor nor a balancer"));
  EXPECT_THAT(Explain(Plain(), At({.speaks = Speaks::kHttp1}), kLate),
              HasSubstr("Give its --listen_address"));
  EXPECT_THAT(Explain(Plain(), At({}), kLate), HasSubstr("says nothing"));
}

TEST(ConnectAdviceTest, ABalancerWithoutProcessorsIsNoBalancerThatIsAway) {
  const PeerFacts plain{.speaks = Speaks::kPlaintext};
  EXPECT_THAT(
      Explain(Plain(),
              At(plain, {.serves = Serves::kBalancer, .servers = 0}, true),
              kLate),
      AllOf(HasSubstr("A balancer answers at host:1"),
            HasSubstr("no processor is registered"),
            HasSubstr("--balancer=host:1")));
  EXPECT_THAT(
      Explain(
          {},
          At(plain, {.serves = Serves::kBalancer, .servers = 3, .serving = 0},
             true),
          kLate),
      HasSubstr("of the 3 processors that it knows none"));
}

TEST(ConnectAdviceTest, WhatAServerItselfSaysIsPassedOn) {
  EXPECT_THAT(Explain({},
                      At({.speaks = Speaks::kPlaintext},
                         {.serves = Serves::kProcessor}),
                      absl::NotFoundError("no handler")),
              HasSubstr("host:1 refused the stream: NOT_FOUND: no handler"));
}

}  // namespace
}  // namespace msgproc::loadgen
