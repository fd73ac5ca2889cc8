#ifndef MSGPROC_SERVICES_BALANCER_ETCD_LISTED_SERVERS_H_
#define MSGPROC_SERVICES_BALANCER_ETCD_LISTED_SERVERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "services/balancer/fleet.h"
#include "services/balancer/server_order.h"
#include "services/balancer/server_report.h"
#include "services/balancer/server_status.h"
#include "services/base/log_throttle.h"
#include "services/etcd/list_state.h"

namespace msgproc::balancer {

// The records of a registry, as registrations of a fleet. A record that
// vanishes while its server drains is a goodbye, any other a loss. A server
// that holds a stream to this balancer is left to it. On one thread; what it
// was given is called on any.
class ListedServers {
 public:
  // As Fleet::OnOrder.
  using OnOrder =
      std::function<bool(const std::string& server_id, const ServerOrder&)>;
  // "Tell this server to move." Within Take and Refresh.
  using OnMove =
      std::function<void(const std::string& server_id, const MoveOrder&)>;

  // `fleet` and `clock` outlive it.
  ListedServers(Fleet* fleet, const Clock* clock, OnOrder on_order,
                OnMove on_move);

  // Takes what has changed.
  void Take(const std::vector<etcd::ListState::Item>& items);

  // Every record holds still: renews the registrations.
  void Refresh();

  size_t size() const { return records_.size(); }
  // Records that are none.
  uint64_t unreadable() const { return unreadable_; }

 private:
  struct Record {
    ServerReport report;
    // The last one. Where the fleet has ended it, the next Report says so.
    std::optional<Registration> registration;
    // Why the fleet does not take it; said once.
    absl::Status refused;
  };

  void TakeOne(const std::string& server_id, const std::string& value);
  void Remove(const std::string& server_id);
  // Registers it, or renews that.
  void Report(const std::string& server_id, Record* record);
  void Register(const std::string& server_id, Record* record);
  void Refuse(absl::string_view server_id, const absl::Status& status);

  Fleet* const fleet_;
  const OnOrder on_order_;
  const OnMove on_move_;
  std::map<std::string, Record> records_;
  uint64_t unreadable_ = 0;
  base::LogThrottle throttle_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ETCD_LISTED_SERVERS_H_
