#ifndef MSGPROC_SERVICES_BASE_HEALTH_DESCRIPTOR_H_
#define MSGPROC_SERVICES_BASE_HEALTH_DESCRIPTOR_H_

namespace msgproc::base {

// Makes sure that the description of grpc.health.v1 is in the program.
//
// gRPC's own health service is written without protobuf's descriptors, so
// reflection would list a service that it cannot describe.
void LinkHealthDescriptor();

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_HEALTH_DESCRIPTOR_H_
