// Every call shows who it is from, gRPC's own services included.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/grpc_server.h"
#include "services/base/identity/authenticator.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/echo_processor.h"
#include "services/base/testing/jwt_issuer.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMethods[] = {
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/msgproc.v1.Processor/Process",
    "/no.such.Service/Method",
};

class GrpcServerAuthenticateTest : public ::testing::Test {
 protected:
  void StartWith(GrpcServerOptions options) {
    std::ofstream(keys_) << JwksText({issuer_.PublicJwk()});
    auto authenticator = Authenticator::Create({.jwt_keys = keys_});
    ASSERT_TRUE(authenticator.ok()) << authenticator.status();
    options.acceptor.address = "127.0.0.1:0";
    options.credentials.authenticate_all = *authenticator;
    auto server = GrpcServer::Start(options, {&processor_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::shared_ptr<grpc::Channel> Connect(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials =
          grpc::InsecureChannelCredentials()) const {
    return grpc::CreateChannel(server_->address(), credentials);
  }

  // The status of a call that sends an empty message and half-closes.
  static grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel,
                           const std::string& method,
                           const std::string& authorization) {
    grpc::GenericStub stub(channel);
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(20));
    if (!authorization.empty()) {
      context.AddMetadata("authorization", authorization);
    }
    const grpc::Slice nothing("");
    const auto call = stub.PrepareUnaryCall(
        &context, method, grpc::ByteBuffer(&nothing, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  std::string Bearer() const {
    return "Bearer " + issuer_.Token(GoodClaims(absl::Now()));
  }

  const JwtIssuer issuer_{JwtIssuer::Kind::kEc};
  const std::string keys_ = NewTestFolder() + "/keys.json";
  EchoProcessor processor_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerAuthenticateTest, InPlaintextATokenOpensWhatIsClosedWithout) {
  StartWith({});
  const auto channel = Connect();
  for (const char* method : kMethods) {
    const grpc::Status none = Call(channel, method, "");
    EXPECT_EQ(none.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
    EXPECT_THAT(none.error_message(), HasSubstr("who they are")) << method;
    const grpc::Status bad = Call(channel, method, "Bearer a.b.c");
    EXPECT_EQ(bad.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
    EXPECT_THAT(bad.error_message(), HasSubstr("no JSON Web Token")) << method;
  }
  EXPECT_TRUE(Call(channel, kMethods[0], Bearer()).ok());
  EXPECT_TRUE(Call(channel, kMethods[2], Bearer()).ok());
  EXPECT_EQ(Call(channel, kMethods[4], Bearer()).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServerAuthenticateTest, OverTlsATokenIsAsGood) {
  const TestAuthority authority;
  const std::string own = authority.Issue("server");
  GrpcServerOptions options;
  options.credentials.tls_cert = own + ".pem";
  options.credentials.tls_key = own + ".key";
  StartWith(options);
  const auto channel = Connect(
      grpc::SslCredentials({.pem_root_certs = ReadTestFile(authority.cert())}));
  EXPECT_EQ(Call(channel, kMethods[0], "").error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Call(channel, kMethods[0], Bearer()).ok());
}

TEST_F(GrpcServerAuthenticateTest, ACertificateIsEnough) {
  const TestAuthority authority;
  const std::string own = authority.Issue("server");
  const std::string client = authority.Issue("client");
  GrpcServerOptions options;
  options.credentials.tls_cert = own + ".pem";
  options.credentials.tls_key = own + ".key";
  options.credentials.tls_client_ca = authority.cert();
  StartWith(options);
  const auto channel = Connect(
      grpc::SslCredentials({.pem_root_certs = ReadTestFile(authority.cert()),
                            .pem_private_key = ReadTestFile(client + ".key"),
                            .pem_cert_chain = ReadTestFile(client + ".pem")}));
  EXPECT_TRUE(Call(channel, kMethods[0], "").ok());
  // Whoever shows a token is to be judged by it.
  EXPECT_EQ(Call(channel, kMethods[0], "Bearer a.b.c").error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace msgproc::base
