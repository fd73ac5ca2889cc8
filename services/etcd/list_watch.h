#ifndef MSGPROC_SERVICES_ETCD_LIST_WATCH_H_
#define MSGPROC_SERVICES_ETCD_LIST_WATCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/time/time.h"
#include "etcd/rpc.pb.h"
#include "grpcpp/support/status.h"
#include "services/etcd/client.h"
#include "services/etcd/list_state.h"
#include "services/etcd/watch_call.h"

namespace msgproc::etcd {

// Follows a folder of etcd's keys: carries ListState's requests out. On the
// loop's thread only.
class ListWatch {
 public:
  // What has changed. Keys are without the folder.
  using OnItems = std::function<void(const std::vector<ListState::Item>&)>;

  // `folder` ends in a slash. `client` outlives it.
  ListWatch(const ListState::Options& options, std::string folder,
            Client* client, OnItems on_items);
  ~ListWatch();
  ListWatch(const ListWatch&) = delete;
  ListWatch& operator=(const ListWatch&) = delete;

  // Does what is due; returns when to be called next, unless an answer comes
  // before.
  absl::Time Step();

  const ListState& state() const { return state_; }
  // Why the last request failed.
  const std::string& trouble() const { return trouble_; }

 private:
  void List(bool serializable);
  void Probe();
  void Watch(int64_t from_revision);
  void OnResponse(const etcdserverpb::WatchResponse& response);
  void DropWatch();
  ListState::Item ItemOf(const etcdserverpb::KeyValue& kv) const;

  const std::string folder_;
  Client* const client_;
  const OnItems on_items_;
  ListState state_;
  std::shared_ptr<WatchCall> watch_;
  absl::BitGen random_;
  std::string trouble_;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_LIST_WATCH_H_
