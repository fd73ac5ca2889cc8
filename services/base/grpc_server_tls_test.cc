// The gRPC server over TLS: who gets in, and that renewed certificates are used
// without a restart.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "services/base/grpc_server.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/echo_processor.h"
#include "services/base/testing/eventually.h"

namespace msgproc::server {
namespace {

class GrpcServerTlsTest : public ::testing::Test {
 protected:
  void Start(const std::string& stem, const std::string& client_ca = "") {
    GrpcServerOptions options;
    options.acceptor.address = "127.0.0.1:0";
    options.credentials.tls_cert = stem + ".pem";
    options.credentials.tls_key = stem + ".key";
    options.credentials.tls_client_ca = client_ca;
    options.credentials.reload_interval = absl::Seconds(1);
    auto server = GrpcServer::Start(options, {&processor_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // The status of one request and its answer on a new connection, by a client
  // that trusts `authority` and shows the certificate `stem`, if any.
  grpc::Status Try(const TestAuthority& authority,
                   const std::string& stem = "") const {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = ReadTestFile(authority.cert());
    if (!stem.empty()) {
      tls.pem_cert_chain = ReadTestFile(stem + ".pem");
      tls.pem_private_key = ReadTestFile(stem + ".key");
    }
    return TryWith(grpc::SslCredentials(tls));
  }

  grpc::Status TryWith(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::Processor::NewStub(
        grpc::CreateCustomChannel(server_->address(), credentials, arguments));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
    auto stream = stub->Process(&context);
    v1::ProcessRequest request;
    request.add_messages()->set_payload("hi");
    v1::ProcessResponse response;
    if (stream->Write(request) && stream->Read(&response)) {
      EXPECT_EQ(response.results(0).payload(), "hi");
    }
    stream->WritesDone();
    return stream->Finish();
  }

  EchoProcessor processor_;
  const TestAuthority authority_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerTlsTest, ServesClientsThatTrustItsAuthority) {
  Start(authority_.Issue("server"));
  EXPECT_TRUE(Try(authority_).ok());
  const TestAuthority stranger("stranger");
  EXPECT_EQ(Try(stranger).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(TryWith(grpc::InsecureChannelCredentials()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcServerTlsTest, WithAClientAuthorityOnlyItsClientsGetIn) {
  const TestAuthority clients("clients");
  Start(authority_.Issue("server"), clients.cert());
  EXPECT_TRUE(Try(authority_, clients.Issue("client")).ok());
  EXPECT_EQ(Try(authority_).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Try(authority_, authority_.Issue("impostor")).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(
      Try(authority_, clients.Issue("old", /*expired=*/true)).error_code(),
      grpc::StatusCode::UNAVAILABLE);
  // None of them did the server any harm.
  EXPECT_TRUE(Try(authority_, clients.Issue("another")).ok());
}

TEST_F(GrpcServerTlsTest, RenewedCertificatesAreUsedWithoutARestart) {
  // As certbot and Kubernetes do it: a link is switched from folder to folder.
  const std::string folder = NewTestFolder();
  const std::string link = folder + "/live";
  const TestAuthority renewed("renewed");
  const auto point_to = [&](const std::string& stem) {
    const std::string target = stem.substr(0, stem.rfind('/'));
    ASSERT_EQ(symlink(target.c_str(), (link + ".new").c_str()), 0);
    ASSERT_EQ(std::rename((link + ".new").c_str(), link.c_str()), 0);
  };
  point_to(authority_.Issue("server"));
  Start(link + "/server");
  EXPECT_TRUE(Try(authority_).ok());
  EXPECT_FALSE(Try(renewed).ok());
  point_to(renewed.Issue("server"));
  EXPECT_TRUE(Eventually([&] { return Try(renewed).ok(); }));
}

}  // namespace
}  // namespace msgproc::server
