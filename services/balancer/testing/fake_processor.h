#ifndef MSGPROC_SERVICES_BALANCER_TESTING_FAKE_PROCESSOR_H_
#define MSGPROC_SERVICES_BALANCER_TESTING_FAKE_PROCESSOR_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "msgproc/v1/balancer.grpc.pb.h"
#include "services/base/grpc_server.h"
#include "services/base/testing/echo_processor.h"

namespace msgproc::balancer {

// A real server that answers health checks.
class FakeProcessor {
 public:
  FakeProcessor() {
    Start("127.0.0.1:0");
    // Only a port that was asked for can be had again at once after a restart.
    Restart();
  }

  const std::string& address() const { return address_; }
  base::GrpcServer& grpc() { return *grpc_; }

  void Stop() { grpc_.reset(); }
  // On the address that it had before.
  void Restart() {
    Stop();
    Start(address_);
  }

 private:
  void Start(const std::string& address) {
    base::GrpcServerOptions options;
    options.acceptor.address = address;
    auto grpc = base::GrpcServer::Start(options, {&service_});
    ASSERT_TRUE(grpc.ok()) << grpc.status();
    grpc_ = *std::move(grpc);
    address_ = grpc_->address();
  }

  base::EchoProcessor service_;
  std::string address_;
  std::unique_ptr<base::GrpcServer> grpc_;
};

// A processor's stream to a balancer, by hand. On a connection of its own,
// which its destruction breaks.
class FakeRegistration {
 public:
  FakeRegistration(const std::string& balancer, const std::string& server_id,
                   const std::string& address, const std::string& token = "",
                   const std::shared_ptr<grpc::ChannelCredentials>&
                       credentials = grpc::InsecureChannelCredentials())
      : channel_(Connect(balancer, credentials)),
        stub_(v1::Registry::NewStub(channel_)) {
    if (!token.empty()) {
      context_.AddMetadata("authorization", "Bearer " + token);
    }
    report_.set_server_id(server_id);
    report_.set_address(address);
    report_.set_state(v1::SERVER_STATE_SERVING);
    stream_ = stub_->Register(&context_);
  }
  ~FakeRegistration() {
    if (finished_) return;
    context_.TryCancel();
    stream_->Finish();
  }

  v1::RegisterRequest& report() { return report_; }

  // Reports and waits for the answer; false when the stream is over.
  bool Report(v1::RegisterResponse* answer) {
    return stream_->Write(report_) && stream_->Read(answer);
  }
  bool Report() {
    v1::RegisterResponse answer;
    return Report(&answer);
  }
  bool Read(v1::RegisterResponse* answer) { return stream_->Read(answer); }

  void HalfClose() { stream_->WritesDone(); }
  void Break() { context_.TryCancel(); }

  // Waits for the stream's end, reading what is left.
  grpc::Status Finish() {
    v1::RegisterResponse answer;
    while (stream_->Read(&answer)) {
    }
    finished_ = true;
    return stream_->Finish();
  }

 private:
  static std::shared_ptr<grpc::Channel> Connect(
      const std::string& address,
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address, credentials, arguments);
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Registry::Stub> stub_;
  grpc::ClientContext context_;
  v1::RegisterRequest report_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::RegisterRequest, v1::RegisterResponse>>
      stream_;
  bool finished_ = false;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_TESTING_FAKE_PROCESSOR_H_
