// The gRPC server over TLS: who gets in, and that renewed certificates are used
// without a restart.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/grpc_server.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/echo_processor.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/raw_client.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GrpcServerTlsTest : public ::testing::Test {
 protected:
  void Start(const std::string& stem, const std::string& client_ca = "") {
    GrpcServerOptions options;
    options.acceptor.address = "127.0.0.1:0";
    options.credentials.tls_cert = stem + ".pem";
    options.credentials.tls_key = stem + ".key";
    options.credentials.tls_client_ca = client_ca;
    options.credentials.reload_interval = absl::Milliseconds(50);
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

// What a full disk, an editor or a script that copies one file after the other
// leave behind for a while.
TEST_F(GrpcServerTlsTest, BrokenFilesAreNotUsedAndGoodOnesAreAfterwards) {
  const std::string folder = NewTestFolder();
  const std::string stem = folder + "/server";
  const TestAuthority clients("clients");
  const std::string client_ca = folder + "/client_ca.pem";
  const std::string client = clients.Issue("client");
  const std::string old_pair = authority_.Issue("old");
  const TestAuthority renewed("renewed");
  const std::string new_pair = renewed.Issue("new");
  const auto write = [](const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::trunc) << text;
  };
  const auto copy = [&](const std::string& from, const std::string& to) {
    write(to, ReadTestFile(from));
  };
  copy(old_pair + ".pem", stem + ".pem");
  copy(old_pair + ".key", stem + ".key");
  copy(clients.cert(), client_ca);
  Start(stem, client_ca);
  const auto failures = [&] {
    uint64_t sum = 0;
    for (const auto& stats : server_->files()->Stats()) sum += stats.failures;
    return sum;
  };
  const auto is_noticed = [&] {
    const uint64_t before = failures();
    return Eventually([&] { return failures() > before; });
  };
  for (const std::string& file : {stem + ".pem", stem + ".key", client_ca}) {
    const std::string good = ReadTestFile(file);
    write(file, "");
    EXPECT_TRUE(is_noticed()) << file;
    EXPECT_TRUE(Try(authority_, client).ok()) << file << " emptied";
    write(file, good.substr(0, good.size() / 2));
    EXPECT_TRUE(is_noticed()) << file;
    EXPECT_TRUE(Try(authority_, client).ok()) << file << " cut in half";
    write(file, good);
  }
  copy(new_pair + ".pem", stem + ".pem");
  EXPECT_TRUE(is_noticed());
  EXPECT_TRUE(Try(authority_, client).ok()) << "a certificate before its key";
  copy(new_pair + ".key", stem + ".key");
  EXPECT_TRUE(Eventually([&] { return Try(renewed, client).ok(); }));
  EXPECT_FALSE(Try(authority_, client).ok());
  copy(renewed.cert(), client_ca);
  EXPECT_TRUE(
      Eventually([&] { return Try(renewed, renewed.Issue("client")).ok(); }));
  EXPECT_FALSE(Try(renewed, client).ok());
}

TEST_F(GrpcServerTlsTest, FailedHandshakesAreCountedByReasonAndLoggedWithPeer) {
  const TestAuthority clients("clients");
  Start(authority_.Issue("server"), clients.cert());
  const auto count = [&](HandshakeFailure reason) {
    return server_->HandshakeFailures()[static_cast<size_t>(reason)];
  };
  const auto is_counted = [&](HandshakeFailure reason) {
    return Eventually([&] { return count(reason) > 0; });
  };
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(Try(authority_, clients.Issue("good")).ok());
  EXPECT_FALSE(Try(authority_).ok());
  EXPECT_TRUE(is_counted(HandshakeFailure::kNoCertificate));
  EXPECT_FALSE(Try(authority_, authority_.Issue("impostor")).ok());
  EXPECT_TRUE(is_counted(HandshakeFailure::kUnknownCa));
  EXPECT_FALSE(Try(authority_, clients.Issue("old", /*expired=*/true)).ok());
  EXPECT_TRUE(is_counted(HandshakeFailure::kExpired));
  // gRPC's own clients go without a word when they do not trust the server.
  EXPECT_FALSE(Try(TestAuthority("stranger"), clients.Issue("picky")).ok());
  EXPECT_TRUE(is_counted(HandshakeFailure::kCut));
  EXPECT_FALSE(TryWith(grpc::InsecureChannelCredentials()).ok());
  EXPECT_TRUE(is_counted(HandshakeFailure::kNotTls));
  std::string silent_peer;
  {
    const RawClient silent(server_->address());
    silent_peer = silent.LocalPeer();
  }
  EXPECT_TRUE(is_counted(HandshakeFailure::kSilent));
  const RawClient cut(server_->address());
  // The beginning of a ClientHello: record header, message header.
  cut.Send(
      absl::string_view("\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", 11));
  cut.FinishSending();
  EXPECT_TRUE(cut.IsClosedByPeer());
  server_->Shutdown(absl::ZeroDuration());
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("peer=ipv4:127.0.0.1:"));
  EXPECT_THAT(log, HasSubstr("reason=no_certificate"));
  EXPECT_THAT(log, HasSubstr("certificate=\"/CN=impostor\""));
  EXPECT_THAT(log, HasSubstr("certificate has expired"));
  // That a port is open is often looked at.
  EXPECT_THAT(log, Not(HasSubstr(silent_peer)));
}

TEST_F(GrpcServerTlsTest, ManyFailedHandshakesAreFewLines) {
  const TestAuthority clients("clients");
  Start(authority_.Issue("server"), clients.cert());
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 100; ++i) {
    const RawClient client(server_->address());
    client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    EXPECT_TRUE(client.IsClosedByPeer());
  }
  EXPECT_TRUE(Eventually([&] {
    return server_->HandshakeFailures()[static_cast<size_t>(
               HandshakeFailure::kNotTls)] == 100;
  }));
  const std::string log = ::testing::internal::GetCapturedStderr();
  size_t lines = 0;
  for (size_t at = log.find("TLS handshake failed"); at != std::string::npos;
       at = log.find("TLS handshake failed", at + 1)) {
    ++lines;
  }
  EXPECT_GE(lines, 1u);
  EXPECT_LT(lines, 30u);
}

}  // namespace
}  // namespace msgproc::base
