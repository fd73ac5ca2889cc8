#ifndef MSGPROC_SERVICES_BALANCER_SERVER_REPORT_H_
#define MSGPROC_SERVICES_BALANCER_SERVER_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::balancer {

// How much a server has to do, by its own account.
struct ServerLoad {
  // Permanent sockets open.
  uint64_t sessions = 0;
  // Messages answered a second, over the last report interval.
  double messages_per_second = 0;
  // Share of the machine's cores in use, 0 to 1.
  double utilization = 0;
};

// What a server says of itself. A plain value.
struct ServerReport {
  // Unique in the fleet, 1 to 128 bytes.
  std::string server_id;
  // Where clients reach it, as host:port, at most 256 bytes.
  std::string address;
  // Its share relative to the others', 0.01 to 1000.
  double weight = 1;
  // Finishes what it has and takes nothing new.
  bool draining = false;
  ServerLoad load;
  // Of the store that it keeps its sessions in, one word of at most 128 bytes;
  // empty: in memory.
  std::string store_generation;
  // Who reports, by certificate or address: not of the report itself, but of
  // the connection that it came on. A living registration is its owner's.
  std::string owner;
};

// INVALID_ARGUMENT with the offending value and what to do about it, when
// `report` breaks a bound above.
absl::Status Validate(const ServerReport& report);

// INVALID_ARGUMENT unless `address` is a host:port that a client can connect
// to: IPv6 in brackets, no wildcard host, no port 0.
absl::Status ValidateAddress(absl::string_view address);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_SERVER_REPORT_H_
