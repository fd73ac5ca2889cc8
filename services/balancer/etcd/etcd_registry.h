#ifndef MSGPROC_SERVICES_BALANCER_ETCD_ETCD_REGISTRY_H_
#define MSGPROC_SERVICES_BALANCER_ETCD_ETCD_REGISTRY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "services/balancer/etcd/listed_servers.h"
#include "services/balancer/etcd/mover.h"
#include "services/balancer/fleet.h"
#include "services/balancer/server_order.h"
#include "services/base/metric_writer.h"
#include "services/etcd/client.h"
#include "services/etcd/list_watch.h"
#include "services/etcd/loop.h"
#include "services/etcd/registry_url.h"

namespace msgproc::balancer {

// A fleet that is read from etcd, where processors write themselves. What is
// listed there counts as reported for as long as etcd says so; once it has been
// silent for longer than the lease nobody reports any more, the leases run out
// here, and the fleet fails static as it does when all streams break, for as
// long as etcd is silent.
//
// Moves sessions only while it is elected to (Mover). Orders to a server are
// written to its order key. Thread-safe.
class EtcdRegistry {
 public:
  struct Options {
    etcd::RegistryUrl url;
    etcd::Client::Options client;
    // Who this balancer is, for people who look into etcd.
    std::string name;
    // Of the fleet's registry.
    absl::Duration lease = absl::Seconds(6);
  };

  // Begins at once. `fleet` outlives it.
  EtcdRegistry(const Options& options, Fleet* fleet);
  // The fleet does not hear of etcd any more.
  ~EtcdRegistry();

  // Gives up the right to move, so that another balancer takes it at once;
  // returns once that is done, after `timeout` at most.
  void Leave(absl::Duration timeout);

  void WriteMetrics(base::MetricWriter* writer) const;

  // For operators who debug: adds what it holds. Waits for the thread that
  // speaks with etcd, for a second at most.
  void AddDumps(std::vector<StateDump>* dumps);

 private:
  struct Stats {
    bool synced = false;
    absl::Time heard_at = absl::InfinitePast();
    bool elected = false;
    bool left = false;
    uint64_t lists = 0;
    uint64_t failures = 0;
    uint64_t unreadable = 0;
    size_t servers = 0;
  };

  absl::Time Step();
  void Publish(absl::Time now);
  void Say(bool synced);
  bool PassOn(const std::string& server_id, const ServerOrder& order);
  void Move(const std::string& server_id, const MoveOrder& order);

  const Options options_;
  Fleet* const fleet_;
  const absl::Time started_at_;

  etcd::Loop loop_;
  // From here to the mutex: the loop's thread only.
  etcd::Client client_;
  ListedServers servers_;
  etcd::ListWatch list_;
  Mover mover_;
  absl::Time refresh_at_ = absl::InfinitePast();
  std::string said_;

  // Orders can be written.
  std::atomic<bool> connected_{false};
  mutable Mutex mutex_;
  CondVar changed_;
  Stats stats_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ETCD_ETCD_REGISTRY_H_
