#ifndef MSGPROC_SERVICES_BALANCER_TESTING_BALANCER_FIXTURE_H_
#define MSGPROC_SERVICES_BALANCER_TESTING_BALANCER_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "msgproc/v1/balancer.grpc.pb.h"
#include "services/balancer/server.h"
#include "services/base/testing/raw_client.h"

namespace msgproc::balancer {

// A real balancer on free ports, and a client of it.
class BalancerFixture : public testing::Test {
 protected:
  static ServerOptions Options() {
    ServerOptions options;
    options.grpc.acceptor.address = "127.0.0.1:0";
    options.http_address = "127.0.0.1:0";
    options.fleet.registry.lease = absl::Seconds(30);
    return options;
  }

  void Start(ServerOptions options) {
    auto server = Server::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ =
        grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
    stub_ = v1::Balancer::NewStub(channel_);
  }

  std::string address() const { return server_->grpc_address(); }

  grpc::Status GetServer(const v1::GetServerRequest& request,
                         v1::GetServerResponse* response) {
    grpc::ClientContext context;
    return stub_->GetServer(&context, request, response);
  }

  // The server_id given, or the status as "CODE: message".
  std::string GetServer(const v1::GetServerRequest& request = {}) {
    v1::GetServerResponse response;
    const grpc::Status status = GetServer(request, &response);
    return status.ok() ? response.server().server_id()
                       : std::to_string(status.error_code()) + ": " +
                             status.error_message();
  }

  v1::ListServersResponse List() {
    grpc::ClientContext context;
    v1::ListServersResponse response;
    EXPECT_TRUE(stub_->ListServers(&context, {}, &response).ok());
    return response;
  }

  // UNSPECIFIED: not listed.
  v1::ServerState StateOf(const std::string& server_id) {
    const v1::ListServersResponse list = List();
    for (const v1::ServerStatus& status : list.servers()) {
      if (status.server().server_id() == server_id) return status.state();
    }
    return v1::SERVER_STATE_UNSPECIFIED;
  }

  // The whole answer, head and body.
  std::string Http(const std::string& method, const std::string& target) {
    const base::RawClient client(server_->http_address());
    client.Send(method + " " + target + " HTTP/1.0\r\n\r\n");
    return client.ReadAll();
  }

  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Balancer::Stub> stub_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_TESTING_BALANCER_FIXTURE_H_
