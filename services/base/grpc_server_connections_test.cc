// What becomes of a gRPC server's connections: addresses, peers, caps,
// stopping.
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/grpc_server.h"
#include "services/base/testing/echo_processor.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/raw_client.h"
#include "services/base/testing/socket_folder.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// One permanent socket, with a channel and so a TCP connection of its own.
class Stream {
 public:
  explicit Stream(std::shared_ptr<grpc::Channel> channel)
      : stub_(v1::Processor::NewStub(std::move(channel))),
        stream_(stub_->Process(&context_)) {}

  // The server's view of this stream's peer; "" when the stream is broken.
  std::string Peer() {
    v1::ProcessRequest request;
    v1::ProcessResponse response;
    if (!stream_->Write(request) || !stream_->Read(&response)) return "";
    return response.welcome().server_id();
  }

  grpc::Status Finish() {
    stream_->WritesDone();
    return stream_->Finish();
  }

 private:
  grpc::ClientContext context_;
  const std::unique_ptr<v1::Processor::Stub> stub_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::ProcessRequest, v1::ProcessResponse>>
      stream_;
};

class GrpcServerConnectionsTest : public ::testing::Test {
 protected:
  void Start(GrpcServerOptions options = {}) {
    if (options.acceptor.address.empty()) {
      options.acceptor.address = "127.0.0.1:0";
    }
    auto server = GrpcServer::Start(options, {&processor_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        server_->address(), grpc::InsecureChannelCredentials(), arguments);
  }

  std::unique_ptr<Stream> Connect() const {
    return std::make_unique<Stream>(NewChannel());
  }

  EchoProcessor processor_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerConnectionsTest, ServesOnEveryKindOfAddress) {
  const SocketFolder folder;
  for (const std::string& address :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"),
        "unix:" + folder / "s"}) {
    GrpcServerOptions options;
    options.acceptor.address = address;
    Start(options);
    const auto stream = Connect();
    EXPECT_NE(stream->Peer(), "") << address;
    EXPECT_TRUE(stream->Finish().ok()) << address;
  }
}

TEST_F(GrpcServerConnectionsTest, NamesItsPeersReadably) {
  GrpcServerOptions options;
  options.acceptor.address = "[::1]:0";
  Start(options);
  EXPECT_THAT(server_->ClientOf(Connect()->Peer()), StartsWith("ipv6:[::1]:"));
}

TEST_F(GrpcServerConnectionsTest, KnowsTheClientBehindAProxy) {
  GrpcServerOptions options;
  options.acceptor.proxy_protocol = true;
  Start(options);
  RawClient proxy(server_->address());
  proxy.Send("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n");
  const std::string proxy_side = proxy.LocalPeer();
  Stream stream(grpc::CreateInsecureChannelFromFd("client", proxy.Release()));
  EXPECT_EQ(stream.Peer(), proxy_side);
  EXPECT_EQ(server_->ClientOf(proxy_side), "ipv4:192.0.2.7:56324");
}

TEST_F(GrpcServerConnectionsTest, AClientBeyondTheCapSeesUnavailable) {
  GrpcServerOptions options;
  options.acceptor.max_connections = 1;
  Start(options);
  auto first = Connect();
  EXPECT_NE(first->Peer(), "");
  EXPECT_EQ(Connect()->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(first->Peer(), "");
  first.reset();
  // gRPC's own end of the connection is what makes room again.
  EXPECT_TRUE(Eventually([&] { return server_->Stats().open == 0; }));
  EXPECT_NE(Connect()->Peer(), "");
}

TEST_F(GrpcServerConnectionsTest, StoppingToListenLeavesOpenStreamsAlone) {
  Start();
  auto stream = Connect();
  EXPECT_NE(stream->Peer(), "");
  server_->StopListening();
  EXPECT_EQ(Connect()->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(stream->Peer(), "");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(GrpcServerConnectionsTest, ClosedConnectionsAreSeenAsUnavailable) {
  Start();
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(Connect());
    EXPECT_NE(streams.back()->Peer(), "");
  }
  EXPECT_EQ(server_->Stats().open, 5u);
  server_->CloseConnections();
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  EXPECT_TRUE(Eventually([&] { return server_->Stats().open == 0; }));
}

TEST_F(GrpcServerConnectionsTest, ShutdownEndsWhatIsLeftAfterItsTimeout) {
  Start();
  auto stream = Connect();
  EXPECT_NE(stream->Peer(), "");
  server_->Shutdown(absl::Milliseconds(50));
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_FALSE(RawClient(server_->address()).connected());
}

TEST_F(GrpcServerConnectionsTest, AServerThatGoesSaysSoOnOpenConnections) {
  Start();
  const auto channel = NewChannel();
  Stream open(channel);
  ASSERT_NE(open.Peer(), "");
  server_->BeginShutdown(absl::Minutes(5));
  // The GOAWAY takes the channel off this connection.
  EXPECT_TRUE(Eventually([&] {
    return channel->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY;
  }));
  for (int i = 0; i < 8; ++i) {
    Stream next(channel);
    EXPECT_EQ(next.Peer(), "");
    EXPECT_EQ(next.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  for (int i = 0; i < 3; ++i) EXPECT_NE(open.Peer(), "");
  EXPECT_TRUE(open.Finish().ok());
  server_->Shutdown(absl::Minutes(5));
}

TEST_F(GrpcServerConnectionsTest, AShutdownThatHasBegunCanBeCutShort) {
  Start();
  auto stream = Connect();
  EXPECT_NE(stream->Peer(), "");
  server_->BeginShutdown(absl::InfiniteDuration());
  server_->Shutdown(absl::Milliseconds(50));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcServerConnectionsTest, AClientMayPingOnceASecondOnAQuietStream) {
  Start();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 1000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 60'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  Stream stream(grpc::CreateCustomChannel(
      server_->address(), grpc::InsecureChannelCredentials(), arguments));
  EXPECT_NE(stream.Peer(), "");
  // Three that come too early are forgiven; so this is some more.
  absl::SleepFor(absl::Seconds(8));
  EXPECT_NE(stream.Peer(), "");
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(GrpcServerConnectionsTest, AFloodOfPingsIsCutOff) {
  Start();
  const RawClient flood(server_->address());
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  const std::string ping(
      "\0\0\x08\6\0\0\0\0\0"
      "12345678",
      17);
  flood.Send(absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", settings, ping,
                          ping, ping, ping, ping));
  EXPECT_THAT(flood.ReadAll(), HasSubstr("too_many_pings"));
}

TEST_F(GrpcServerConnectionsTest, ASilentConnectionIsClosed) {
  GrpcServerOptions options;
  options.handshake_timeout = absl::Milliseconds(200);
  Start(options);
  const RawClient silent(server_->address());
  EXPECT_TRUE(silent.IsClosedByPeer());
  EXPECT_TRUE(Eventually([&] { return server_->Stats().open == 0; }));
}

TEST_F(GrpcServerConnectionsTest, GarbageInPlaceOfHttp2ClosesItsConnection) {
  Start();
  auto stream = Connect();
  const RawClient garbage(server_->address());
  garbage.Send(std::string(1000, 'x'));
  EXPECT_TRUE(garbage.IsClosedByPeer());
  EXPECT_NE(stream->Peer(), "");
}

TEST_F(GrpcServerConnectionsTest, RefusesToStartOnATakenPort) {
  Start();
  GrpcServerOptions options;
  options.acceptor.address = server_->address();
  EXPECT_EQ(GrpcServer::Start(options, {}).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(GrpcServerConnectionsTest, RefusesPlaintextThatOthersCouldReach) {
  GrpcServerOptions options;
  options.acceptor.address = "0.0.0.0:0";
  EXPECT_EQ(GrpcServer::Start(options, {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  options.credentials.insecure = true;
  EXPECT_TRUE(GrpcServer::Start(options, {}).ok());
}

TEST_F(GrpcServerConnectionsTest, ConnectionsWithoutAStreamAreClosed) {
  GrpcServerOptions options;
  options.max_connection_idle = absl::Seconds(1);
  Start(options);
  const auto busy = Connect();
  ASSERT_NE(busy->Peer(), "");
  // One that has done all but to open a stream, and answers no ping; one whose
  // stream is over; one that says nothing at all.
  const RawClient preface(server_->address());
  preface.Send(absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                            absl::string_view("\0\0\0\4\0\0\0\0\0", 9)));
  const auto former = Connect();
  ASSERT_NE(former->Peer(), "");
  EXPECT_TRUE(former->Finish().ok());
  EXPECT_TRUE(Eventually([&] { return server_->Stats().open == 1; },
                         absl::Seconds(45)));
  EXPECT_NE(busy->Peer(), "");
}

}  // namespace
}  // namespace msgproc::base
