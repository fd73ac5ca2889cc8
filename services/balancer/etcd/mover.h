#ifndef MSGPROC_SERVICES_BALANCER_ETCD_MOVER_H_
#define MSGPROC_SERVICES_BALANCER_ETCD_MOVER_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "etcd/rpc.pb.h"
#include "services/etcd/client.h"
#include "services/etcd/leased_key.h"

namespace msgproc::balancer {

// Whether this balancer is the one that moves sessions: an election in etcd,
// for a key that exists once and lives as long as its holder's lease ("leader
// election" of etcd's concurrency package, with a poll in place of a queue).
//
// A balancer that was frozen may think that it is elected when it is not any
// more; so what only the elected one may write goes with a condition on the
// very key that it has won (Guard), and is refused by etcd. On the loop's
// thread only.
class Mover {
 public:
  // `key` is the election's; `name` says who holds it, for people. `client`
  // outlives it.
  Mover(std::string key, std::string name, absl::Duration lease,
        etcd::Client* client);

  // Does what is due; returns when to be called next.
  absl::Time Step() { return leased_.Step(); }

  bool elected(absl::Time now) const { return leased_.state().held(now); }
  // That lasts no longer than this balancer does; 0: none.
  int64_t lease() const { return leased_.state().lease(); }

  // Makes `txn` fail unless this balancer is elected.
  void Guard(etcdserverpb::TxnRequest* txn) const;
  // What was guarded has failed: stands again.
  void OnRefused() { leased_.state().Refresh(); }

  // Gives the place up.
  void Leave() { leased_.state().Leave(); }
  bool left() const;

  // Of the lease that its key is held under.
  StateDump Dump(absl::Time now) const { return leased_.state().Dump(now); }

 private:
  void Claim(int64_t lease, const etcd::LeasedKey::Claimed& claimed);

  const std::string key_;
  const std::string name_;
  etcd::Client* const client_;
  etcd::LeasedKey leased_;
  // Of the key, once it was won.
  int64_t won_at_ = 0;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ETCD_MOVER_H_
