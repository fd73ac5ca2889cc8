#ifndef MSGPROC_SERVICES_BASE_TESTING_DYNAMIC_CALL_H_
#define MSGPROC_SERVICES_BASE_TESTING_DYNAMIC_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/time/time.h"

namespace msgproc::base {

// A call whose types are known by name only, as a generic client makes it: one
// request, half-close, the first response, status. For services whose stubs the
// system's packages do not ship (health, reflection, channelz).
struct DynamicCall {
  std::string method;         // "/grpc.health.v1.Health/Check"
  std::string request_type;   // "grpc.health.v1.HealthCheckRequest"
  std::string request_text;   // In protobuf's text format.
  std::string response_type;  // "grpc.health.v1.HealthCheckResponse"
};

// The first response; null, with the reason as a test failure, when the call
// does not end OK within `timeout`.
std::unique_ptr<google::protobuf::Message> Call(
    const std::shared_ptr<grpc::Channel>& channel, const DynamicCall& call,
    absl::Duration timeout = absl::Seconds(20));

// Call's response in one-line text format; "" when it failed.
std::string CallText(const std::shared_ptr<grpc::Channel>& channel,
                     const DynamicCall& call);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_DYNAMIC_CALL_H_
