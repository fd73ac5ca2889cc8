// The life of a registration, against the real balancer.
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/balancer/server.h"
#include "services/balancer/testing/balancer_fixture.h"
#include "services/balancer/testing/fake_processor.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/eventually.h"

namespace msgproc::balancer {
namespace {

using base::Eventually;
using testing::AllOf;
using testing::HasSubstr;

class RegistrationTest : public BalancerFixture {
 protected:
  bool Serves(const std::string& server_id) {
    return Eventually(
        [&] { return StateOf(server_id) == v1::SERVER_STATE_SERVING; });
  }
  bool IsGone(const std::string& server_id) {
    return Eventually(
        [&] { return StateOf(server_id) == v1::SERVER_STATE_UNSPECIFIED; });
  }
};

TEST_F(RegistrationTest, EveryReportIsAnsweredWithTheLease) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  for (int i = 0; i < 3; ++i) {
    v1::RegisterResponse answer;
    ASSERT_TRUE(registration.Report(&answer));
    EXPECT_EQ(answer.lease().seconds(), 30);
    EXPECT_FALSE(answer.has_move());
  }
}

TEST_F(RegistrationTest, AnAddressThatDoesNotAnswerIsNeverHandedOut) {
  Start(Options());
  FakeProcessor processor;
  processor.Stop();
  FakeRegistration registration(address(), "one", processor.address());
  ASSERT_TRUE(registration.Report());
  EXPECT_EQ(StateOf("one"), v1::SERVER_STATE_UNHEALTHY);
  EXPECT_THAT(GetServer(), HasSubstr("14: no server"));
  processor.Restart();
  EXPECT_TRUE(Serves("one"));
  EXPECT_EQ(GetServer(), "one");
}

// Its health was known before it registered, and does not change.
TEST_F(RegistrationTest, AStaticServerThatRegistersIsHandedOutAgainAndAgain) {
  FakeProcessor processor;
  ServerOptions options = Options();
  options.static_servers = {processor.address()};
  Start(std::move(options));
  ASSERT_TRUE(Serves(processor.address()));
  for (int i = 0; i < 3; ++i) {
    FakeRegistration registration(address(), "one", processor.address());
    ASSERT_TRUE(registration.Report());
    ASSERT_TRUE(Serves("one"));
    EXPECT_EQ(GetServer(), "one");
  }
}

TEST_F(RegistrationTest, ABrokenStreamRemovesAtOnceALongLeaseNotwithstanding) {
  Start(Options());
  FakeProcessor first;
  FakeProcessor second;
  FakeRegistration one(address(), "one", first.address());
  ASSERT_TRUE(one.Report());
  {
    FakeRegistration two(address(), "two", second.address());
    ASSERT_TRUE(two.Report());
    ASSERT_TRUE(Serves("one") && Serves("two"));
  }
  EXPECT_TRUE(IsGone("two"));
  EXPECT_EQ(GetServer(), "one");
}

TEST_F(RegistrationTest, AHalfCloseIsAGoodbye) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  ASSERT_TRUE(registration.Report());
  ASSERT_TRUE(Serves("one"));
  registration.HalfClose();
  EXPECT_TRUE(registration.Finish().ok());
  // Even the last one is let go.
  EXPECT_TRUE(IsGone("one"));
  // The client has its status before the server's end is done.
  EXPECT_TRUE(Eventually([&] {
    return server_->fleet().EventCount(RegistryEvent::Kind::kLeft) == 1;
  }));
}

TEST_F(RegistrationTest, ASilentServersLeaseRunsOut) {
  ServerOptions options = Options();
  options.fleet.registry.lease = absl::Milliseconds(300);
  options.fleet.registry.fail_static = absl::ZeroDuration();
  Start(std::move(options));
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  ASSERT_TRUE(registration.Report());
  const grpc::Status status = registration.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(), HasSubstr("lease"));
  EXPECT_TRUE(IsGone("one"));
}

TEST_F(RegistrationTest, ARepeatedServerIdReplacesTheOlder) {
  Start(Options());
  FakeProcessor first;
  FakeProcessor second;
  FakeRegistration older(address(), "one", first.address());
  ASSERT_TRUE(older.Report());
  FakeRegistration newer(address(), "one", second.address());
  ASSERT_TRUE(newer.Report());
  const grpc::Status status = older.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(status.error_message(), HasSubstr(second.address()));
  ASSERT_TRUE(Serves("one"));
  EXPECT_EQ(List().servers(0).server().address(), second.address());
  EXPECT_TRUE(newer.Report());
}

TEST_F(RegistrationTest, ADrainingServerIsKnownButNotHandedOut) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  ASSERT_TRUE(registration.Report());
  ASSERT_TRUE(Serves("one"));
  registration.report().set_state(v1::SERVER_STATE_DRAINING);
  ASSERT_TRUE(registration.Report());
  EXPECT_EQ(StateOf("one"), v1::SERVER_STATE_DRAINING);
  EXPECT_THAT(GetServer(), HasSubstr("1 are draining"));
}

TEST_F(RegistrationTest, AnOrderIsWrittenAtOnceAndOnlyOnce) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  registration.report().set_takes_orders(true);
  ASSERT_TRUE(registration.Report());
  EXPECT_TRUE(server_->fleet()
                  .Order("one", {.cordoned = true,
                                 .drain = true,
                                 .drain_to = "10.0.0.8:50051"})
                  .ok());
  v1::RegisterResponse answer;
  ASSERT_TRUE(registration.Read(&answer));
  EXPECT_TRUE(answer.order().cordoned());
  EXPECT_TRUE(answer.order().drain());
  EXPECT_EQ(answer.order().drain_to(), "10.0.0.8:50051");
  EXPECT_EQ(answer.lease().seconds(), 30);
  EXPECT_FALSE(answer.has_move());
  ASSERT_TRUE(registration.Report(&answer));
  EXPECT_FALSE(answer.has_order());
}

TEST_F(RegistrationTest, WhoDoesNotReadIsGivenOrdersUpToABound) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  registration.report().set_takes_orders(true);
  ASSERT_TRUE(registration.Report());
  // Long ones fill what the connection takes.
  const ServerOrder order = {.drain = true,
                             .drain_to = std::string(200, 'a') + ":1"};
  absl::Status status;
  for (int i = 0; i < 100000 && status.ok(); ++i) {
    status = server_->fleet().Order("one", order);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST_F(RegistrationTest, ACordonedServerIsListedAsSuch) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  registration.report().set_state(v1::SERVER_STATE_DRAINING);
  registration.report().set_cordoned(true);
  ASSERT_TRUE(registration.Report());
  EXPECT_EQ(StateOf("one"), v1::SERVER_STATE_DRAINING);
  EXPECT_TRUE(List().servers(0).cordoned());
}

TEST_F(RegistrationTest, AMalformedReportSaysWhatIsWrong) {
  Start(Options());
  FakeRegistration nameless(address(), "", "127.0.0.1:1");
  nameless.Report();
  EXPECT_THAT(nameless.Finish().error_message(), HasSubstr("server_id"));
  FakeRegistration wildcard(address(), "one", "0.0.0.0:50051");
  wildcard.Report();
  const grpc::Status status = wildcard.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("wildcard"));
  EXPECT_EQ(List().servers_size(), 0);
}

TEST_F(RegistrationTest, OnlyThoseWithATokenMayRegister) {
  const std::string file = base::NewTestFolder() + "/token";
  std::ofstream(file) << "0123456789abcdef0123456789abcdef\n";
  ServerOptions options = Options();
  options.register_token_file = file;
  Start(std::move(options));
  FakeProcessor processor;
  FakeRegistration without(address(), "one", processor.address());
  without.Report();
  grpc::Status status = without.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("authorization: Bearer"));
  FakeRegistration wrong(address(), "one", processor.address(),
                         "ffffffffffffffffffffffffffffffff");
  wrong.Report();
  EXPECT_EQ(wrong.Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  FakeRegistration right(address(), "one", processor.address(),
                         "0123456789abcdef0123456789abcdef");
  EXPECT_TRUE(right.Report());
  EXPECT_TRUE(Serves("one"));
  EXPECT_THAT(Http("GET", "/metrics"),
              HasSubstr("msgproc_balancer_registrations_denied_total 2"));
}

// A balancer that knows its clients by certificates.
class MutualTlsTest : public RegistrationTest {
 protected:
  ServerOptions Options() const {
    ServerOptions options = RegistrationTest::Options();
    const std::string own = authority_.Issue("balancer");
    options.grpc.credentials.tls_cert = own + ".pem";
    options.grpc.credentials.tls_key = own + ".key";
    options.grpc.credentials.tls_client_ca = authority_.cert();
    return options;
  }
  std::shared_ptr<grpc::ChannelCredentials> Show(
      const std::string& common_name) const {
    const std::string stem = authority_.Issue(common_name);
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = base::ReadTestFile(authority_.cert());
    tls.pem_cert_chain = base::ReadTestFile(stem + ".pem");
    tls.pem_private_key = base::ReadTestFile(stem + ".key");
    return grpc::SslCredentials(tls);
  }
  std::string AddressOf(const std::string& server_id) {
    for (const ServerStatus& status : server_->fleet().List()) {
      if (status.report.server_id == server_id) return status.report.address;
    }
    return "";
  }

  const base::TestAuthority authority_;
};

TEST_F(MutualTlsTest, AClientsCertificateIsNoRightToRegister) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address(), "",
                                Show("client"));
  registration.Report();
  const grpc::Status status = registration.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("register_allowed=NAME"));
  EXPECT_TRUE(server_->fleet().List().empty());
}

TEST_F(MutualTlsTest, NobodyTakesALivingServersName) {
  ServerOptions options = Options();
  options.register_allowed = {"processor", "another"};
  Start(std::move(options));
  FakeProcessor processor;
  FakeProcessor elsewhere;
  const auto own = Show("processor");
  FakeRegistration owner(address(), "one", processor.address(), "", own);
  ASSERT_TRUE(owner.Report());
  FakeRegistration client(address(), "one", elsewhere.address(), "",
                          Show("client"));
  client.Report();
  EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(AddressOf("one"), processor.address());
  EXPECT_TRUE(owner.Report());
  EXPECT_THAT(Http("GET", "/metrics"),
              AllOf(HasSubstr("msgproc_balancer_registrations_denied_total 1"),
                    HasSubstr("msgproc_balancer_rejected_total{reason="
                              "\"permission_denied\"} 1")));
  // The owner's restart may, its connection half open as it may be.
  FakeRegistration restarted(address(), "one", elsewhere.address(), "", own);
  EXPECT_TRUE(restarted.Report());
  EXPECT_EQ(AddressOf("one"), elsewhere.address());
}

TEST_F(MutualTlsTest, AmongThoseAllowedEachHasItsOwnNames) {
  ServerOptions options = Options();
  options.register_allowed = {"processor-1", "processor-2"};
  Start(std::move(options));
  FakeProcessor processor;
  FakeRegistration first(address(), "one", processor.address(), "",
                         Show("processor-1"));
  ASSERT_TRUE(first.Report());
  FakeRegistration second(address(), "one", "192.0.2.1:1", "",
                          Show("processor-2"));
  second.Report();
  const grpc::Status status = second.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(status.error_message(), HasSubstr("own server_id"));
  EXPECT_TRUE(first.Report());
}

TEST_F(MutualTlsTest, ATokenIsARightWhateverTheCertificate) {
  const std::string file = base::NewTestFolder() + "/token";
  std::ofstream(file) << "0123456789abcdef\n";
  ServerOptions options = Options();
  options.register_token_file = file;
  Start(std::move(options));
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address(),
                                "0123456789abcdef", Show("client"));
  EXPECT_TRUE(registration.Report());
}

TEST_F(RegistrationTest, AFullServerIsToldToMoveSessionsToAnEmptyOne) {
  ServerOptions options = Options();
  options.fleet.registry.lease = absl::Milliseconds(600);
  Start(std::move(options));
  FakeProcessor first;
  FakeProcessor second;
  FakeRegistration full(address(), "full", first.address());
  FakeRegistration empty(address(), "empty", second.address());
  full.report().set_sessions(100);
  ASSERT_TRUE(empty.Report() && full.Report());
  v1::RegisterResponse answer;
  ASSERT_TRUE(Eventually([&] {
    return empty.Report() && full.Report(&answer) && answer.has_move();
  }));
  EXPECT_EQ(answer.move().to_address(), second.address());
  EXPECT_GT(answer.move().sessions(), 0U);
}

TEST_F(RegistrationTest, AFleetThatIsKilledIsGoneAsSoonAsItRefuses) {
  Start(Options());
  FakeProcessor processors[3];
  {
    FakeRegistration one(address(), "one", processors[0].address());
    FakeRegistration two(address(), "two", processors[1].address());
    FakeRegistration three(address(), "three", processors[2].address());
    ASSERT_TRUE(one.Report() && two.Report() && three.Report());
    ASSERT_TRUE(Serves("one") && Serves("two") && Serves("three"));
    for (FakeProcessor& processor : processors) processor.Stop();
  }
  EXPECT_TRUE(Eventually([&] {
    return GetServer() ==
           "14: no server: none is registered with this balancer";
  }));
}

TEST_F(RegistrationTest, AFleetThatOnlyTheBalancerLostIsHandedOutFurther) {
  Start(Options());
  FakeProcessor processors[3];
  {
    FakeRegistration one(address(), "one", processors[0].address());
    FakeRegistration two(address(), "two", processors[1].address());
    FakeRegistration three(address(), "three", processors[2].address());
    ASSERT_TRUE(one.Report() && two.Report() && three.Report());
    ASSERT_TRUE(Serves("one") && Serves("two") && Serves("three"));
  }
  EXPECT_TRUE(Eventually([&] {
    return StateOf("one") == v1::SERVER_STATE_STALE &&
           StateOf("two") == v1::SERVER_STATE_STALE &&
           StateOf("three") == v1::SERVER_STATE_STALE;
  }));
  EXPECT_TRUE(Eventually([&] {
    v1::GetServerResponse response;
    return GetServer({}, &response).ok() && response.alternatives_size() == 2;
  }));
  EXPECT_THAT(Http("GET", "/metrics"),
              HasSubstr("msgproc_balancer_fail_static 1"));
}

TEST_F(RegistrationTest, AStoppingBalancerEndsTheStreams) {
  Start(Options());
  FakeProcessor processor;
  FakeRegistration registration(address(), "one", processor.address());
  ASSERT_TRUE(registration.Report());
  server_->Drain(absl::Seconds(10));
  EXPECT_EQ(registration.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace msgproc::balancer
