#include "services/base/grpc_server.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/message.h>
#include <grpcpp/create_channel.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/dynamic_call.h"
#include "services/base/testing/echo_processor.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class GrpcServerTest : public ::testing::Test {
 protected:
  void StartOn(const std::string& address, GrpcServerOptions options = {}) {
    options.acceptor.address = address;
    absl::StatusOr<std::unique_ptr<GrpcServer>> server =
        GrpcServer::Start(options, {&processor_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = NewChannel();
  }

  std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    return grpc::CreateCustomChannel(
        server_->address(), grpc::InsecureChannelCredentials(), arguments);
  }

  std::string Health(const std::string& service) const {
    return CallText(channel_, {"/grpc.health.v1.Health/Check",
                               "grpc.health.v1.HealthCheckRequest",
                               absl::StrCat("service: \"", service, "\""),
                               "grpc.health.v1.HealthCheckResponse"});
  }

  std::unique_ptr<google::protobuf::Message> Reflect(
      const std::string& request) const {
    return Call(
        channel_,
        {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
         "grpc.reflection.v1alpha.ServerReflectionRequest", request,
         "grpc.reflection.v1alpha.ServerReflectionResponse"});
  }

  EchoProcessor processor_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// A field of a message that is known by name only.
const google::protobuf::Message& Field(const google::protobuf::Message& message,
                                       const std::string& name) {
  return message.GetReflection()->GetMessage(
      message, message.GetDescriptor()->FindFieldByName(name));
}

std::vector<std::string> ListedServices(
    const google::protobuf::Message& response) {
  const google::protobuf::Message& list =
      Field(response, "list_services_response");
  const auto* services = list.GetDescriptor()->FindFieldByName("service");
  std::vector<std::string> names;
  for (int i = 0; i < list.GetReflection()->FieldSize(list, services); ++i) {
    const google::protobuf::Message& one =
        list.GetReflection()->GetRepeatedMessage(list, services, i);
    names.push_back(one.GetReflection()->GetString(
        one, one.GetDescriptor()->FindFieldByName("name")));
  }
  return names;
}

// The files of a reflection answer, in a pool of their own; the names of those
// that are missing are asked for by the caller.
std::vector<google::protobuf::FileDescriptorProto> Files(
    const google::protobuf::Message& response) {
  const google::protobuf::Message& files =
      Field(response, "file_descriptor_response");
  const auto* field =
      files.GetDescriptor()->FindFieldByName("file_descriptor_proto");
  std::vector<google::protobuf::FileDescriptorProto> out;
  for (int i = 0; i < files.GetReflection()->FieldSize(files, field); ++i) {
    out.emplace_back();
    EXPECT_TRUE(out.back().ParseFromString(
        files.GetReflection()->GetRepeatedString(files, field, i)));
  }
  return out;
}

TEST_F(GrpcServerTest, ReflectionDescribesEveryServiceThatItLists) {
  StartOn("127.0.0.1:0");
  const auto list = Reflect("list_services: ''");
  ASSERT_NE(list, nullptr);
  const std::vector<std::string> services = ListedServices(*list);
  EXPECT_THAT(services, UnorderedElementsAre(
                            "msgproc.v1.Processor", "grpc.health.v1.Health",
                            "grpc.reflection.v1alpha.ServerReflection"));
  for (const std::string& service : services) {
    const auto answer =
        Reflect(absl::StrCat("file_containing_symbol: '", service, "'"));
    ASSERT_NE(answer, nullptr) << service;
    google::protobuf::DescriptorPool pool;
    const std::vector<google::protobuf::FileDescriptorProto> files =
        Files(*answer);
    // Dependencies come after those that need them.
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
      ASSERT_NE(pool.BuildFile(*file), nullptr) << service;
    }
    const auto* descriptor = pool.FindServiceByName(service);
    ASSERT_NE(descriptor, nullptr) << service;
    EXPECT_GT(descriptor->method_count(), 0) << service;
  }
}

TEST_F(GrpcServerTest, HealthFollowsSetServingForTheServerAndEachService) {
  StartOn("127.0.0.1:0");
  for (const bool serving : {true, false, true}) {
    server_->SetServing(serving);
    const std::string want =
        serving ? "status: SERVING" : "status: NOT_SERVING";
    EXPECT_EQ(Health(""), want);
    EXPECT_EQ(Health("msgproc.v1.Processor"), want);
  }
}

TEST_F(GrpcServerTest, ChannelzShowsTheServerAndItsExternalSocketsIfAskedTo) {
  StartOn("127.0.0.1:0", {.channelz = true});
  const std::string servers = CallText(
      channel_, {"/grpc.channelz.v1.Channelz/GetServers",
                 "grpc.channelz.v1.GetServersRequest", "start_server_id: 0",
                 "grpc.channelz.v1.GetServersResponse"});
  EXPECT_THAT(servers, HasSubstr("calls_started"));
}

}  // namespace
}  // namespace msgproc::base
