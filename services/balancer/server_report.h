#ifndef MSGPROC_SERVICES_BALANCER_SERVER_REPORT_H_
#define MSGPROC_SERVICES_BALANCER_SERVER_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/locality.h"

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

// What a server knows of itself that an operator should. Plain values, judged
// by nobody here.
struct ServerVitals {
  // Of the program; empty: it is too old to say so.
  std::string version;
  // How far its clock was ahead of the balancer's when the report came.
  std::optional<absl::Duration> clock_ahead;
  // Open, and allowed. 0: unknown.
  uint64_t descriptors = 0;
  uint64_t descriptor_limit = 0;
  // Of every certificate that it uses.
  absl::Time certificates_expire = absl::InfiniteFuture();
  std::string why_not_serving;
  // Of its messages of the last second or so; absent: there were none, or it is
  // too old to say so.
  std::optional<absl::Duration> latency_p50;
  std::optional<absl::Duration> latency_p99;
  // 0: unknown.
  uint64_t resident_bytes = 0;
  // Worker processes: that there should be, that serve, that have died.
  uint32_t workers = 0;
  uint32_t workers_serving = 0;
  uint64_t worker_deaths = 0;
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
  // It drains because an operator has cordoned it.
  bool cordoned = false;
  // Whether it does what a ServerOrder asks.
  bool takes_orders = false;
  ServerLoad load;
  // Of the store that it keeps its sessions in, one word of at most 128 bytes;
  // empty: in memory.
  std::string store_generation;
  // Where it runs.
  Locality locality;
  ServerVitals vitals;
  // Who reports, by certificate or address: not of the report itself, but of
  // the connection that it came on. A living registration is its owner's.
  std::string owner;

  // The owner of what was read from a registry that balancers share. A server
  // that comes itself takes its place over.
  static constexpr char kRegistryOwner[] = "registry";
};

// INVALID_ARGUMENT with the offending value and what to do about it, when
// `report` breaks a bound above.
absl::Status Validate(const ServerReport& report);

// INVALID_ARGUMENT unless `address` is a host:port that a client can connect
// to: IPv6 in brackets, no wildcard host, no port 0.
absl::Status ValidateAddress(absl::string_view address);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_SERVER_REPORT_H_
