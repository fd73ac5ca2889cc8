#include "services/base/health_descriptor.h"

#include "grpc/health/v1/health.pb.h"

namespace msgproc::base {

void LinkHealthDescriptor() {
  google::protobuf::LinkMessageReflection<
      grpc::health::v1::HealthCheckRequest>();
}

}  // namespace msgproc::base
