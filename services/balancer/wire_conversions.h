#ifndef MSGPROC_SERVICES_BALANCER_WIRE_CONVERSIONS_H_
#define MSGPROC_SERVICES_BALANCER_WIRE_CONVERSIONS_H_

#include "absl/time/time.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/balancer/roster.h"
#include "services/balancer/server_order.h"
#include "services/balancer/server_report.h"
#include "services/balancer/server_status.h"

// Between balancer.proto and the balancer's own values.
namespace msgproc::balancer {

// A weight of 0 means 1; a utilization over 1 is 1. Of the vitals not the
// clock: whoever has a clock of its own compares it. Their texts are cut.
ServerReport ToReport(const v1::RegisterRequest& request);

v1::ServerState ToProto(ServerState state);
void ToProto(const Member& member, v1::Server* server);
void ToProto(const ServerStatus& status, v1::ServerStatus* proto);

void ToProto(const ServerOrder& order, v1::Order* proto);
ServerOrder ToOrder(const v1::Order& proto);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_WIRE_CONVERSIONS_H_
