#ifndef MSGPROC_SERVICES_ETCD_LEASED_KEY_H_
#define MSGPROC_SERVICES_ETCD_LEASED_KEY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/random/random.h"
#include "absl/time/time.h"
#include "etcd/rpc.pb.h"
#include "grpcpp/support/status.h"
#include "services/etcd/client.h"
#include "services/etcd/lease_state.h"

namespace msgproc::etcd {

// A key of ours in etcd that lives as long as we do: carries LeaseState's
// requests out. How the key is claimed is its owner's. On the loop's thread
// only.
class LeasedKey {
 public:
  // OK and whether the key is ours now.
  using Claimed = std::function<void(const grpc::Status&, bool ours)>;
  // Writes the key under `lease`; calls `claimed` once, not before it returns.
  using Claim = std::function<void(int64_t lease, Claimed claimed)>;

  // `client` outlives it; its calls have ended when it is destroyed, or are not
  // told any more.
  LeasedKey(const LeaseState::Options& options, Client* client, Claim claim);

  // Does what is due; returns when to be called next, unless an answer comes
  // before.
  absl::Time Step();

  LeaseState& state() { return state_; }
  const LeaseState& state() const { return state_; }

  // Why the last request failed; empty: it did not.
  const std::string& trouble() const { return trouble_; }

 private:
  void Perform(const LeaseState::Actions& actions);
  void Grant();
  void KeepAlive(int64_t lease);
  void Revoke(int64_t lease);
  void Fail(const grpc::Status& status);

  const absl::Duration ttl_;
  Client* const client_;
  const Claim claim_;
  LeaseState state_;
  absl::BitGen random_;
  std::string trouble_;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_LEASED_KEY_H_
