#include "services/base/health_descriptor.h"

#include "grpc/health/v1/health.pb.h"

namespace msgproc::server {

void LinkHealthDescriptor() {
  google::protobuf::LinkMessageReflection<
      grpc::health::v1::HealthCheckRequest>();
}

}  // namespace msgproc::server
