// What a server does not take from its clients, whatever its services are.
#include <grpc/compression.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/grpc_server.h"
#include "services/base/testing/echo_processor.h"
#include "services/base/testing/raw_client.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

class GrpcServerLimitsTest : public ::testing::Test {
 protected:
  std::unique_ptr<GrpcServer> Start(GrpcServerOptions options = {}) {
    options.acceptor.address = "127.0.0.1:0";
    auto server = GrpcServer::Start(options, {&processor_});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  // One request and its response.
  static grpc::Status Exchange(const GrpcServer& server,
                               const std::string& payload,
                               grpc_compression_algorithm compression) {
    const auto stub = v1::Processor::NewStub(grpc::CreateChannel(
        server.address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_compression_algorithm(compression);
    const auto stream = stub->Process(&context);
    v1::ProcessRequest request;
    request.add_messages()->set_payload(payload);
    stream->Write(request);
    stream->WritesDone();
    v1::ProcessResponse response;
    while (stream->Read(&response)) {
      EXPECT_EQ(response.results(0).payload(), payload);
    }
    return stream->Finish();
  }

  EchoProcessor processor_;
};

TEST_F(GrpcServerLimitsTest, CompressedCallsAreRefused) {
  const auto server = Start();
  const std::string payload(10'000, 'x');
  for (const auto compression : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    const grpc::Status status = Exchange(*server, payload, compression);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
    EXPECT_THAT(status.error_message(), HasSubstr("is disabled"));
  }
  EXPECT_TRUE(Exchange(*server, payload, GRPC_COMPRESS_NONE).ok());
}

grpc::StatusCode CallChannelz(const GrpcServer& server) {
  grpc::GenericStub stub(grpc::CreateChannel(
      server.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::ByteBuffer request(nullptr, 0);
  const auto call = stub.PrepareUnaryCall(
      &context, "/grpc.channelz.v1.Channelz/GetServers", request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status.error_code();
}

TEST_F(GrpcServerLimitsTest, ChannelzIsServedByThoseWhoAreAskedToAndNoOther) {
  const auto before = Start();
  const auto asked = Start({.channelz = true});
  const auto after = Start();
  EXPECT_EQ(CallChannelz(*before), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(CallChannelz(*asked), grpc::StatusCode::OK);
  EXPECT_EQ(CallChannelz(*after), grpc::StatusCode::UNIMPLEMENTED);
}

// From the SETTINGS that open the connection (RFC 9113, 6.5).
std::optional<uint32_t> MaxConcurrentStreams(const GrpcServer& server) {
  RawClient client(server.address());
  client.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  client.Send(absl::string_view("\0\0\0\4\0\0\0\0\0", 9));
  const std::string head = client.Read(9);
  const auto byte = [](const std::string& bytes, size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(bytes.at(i)));
  };
  EXPECT_EQ(byte(head, 3), 4U) << "The first frame is no SETTINGS.";
  const std::string settings = client.Read(byte(head, 1) << 8 | byte(head, 2));
  for (size_t i = 0; i + 6 <= settings.size(); i += 6) {
    if ((byte(settings, i) << 8 | byte(settings, i + 1)) != 3) continue;
    return byte(settings, i + 2) << 24 | byte(settings, i + 3) << 16 |
           byte(settings, i + 4) << 8 | byte(settings, i + 5);
  }
  return std::nullopt;
}

TEST_F(GrpcServerLimitsTest, AConnectionHasAHundredStreamsOrAsManyAsIsSaid) {
  EXPECT_EQ(MaxConcurrentStreams(*Start()), 100U);
  EXPECT_EQ(MaxConcurrentStreams(*Start({.max_streams_per_connection = 7})),
            7U);
  EXPECT_EQ(MaxConcurrentStreams(*Start({.max_streams_per_connection = 0})),
            std::nullopt);
}

}  // namespace
}  // namespace msgproc::base
