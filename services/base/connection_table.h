#ifndef MSGPROC_SERVICES_BASE_CONNECTION_TABLE_H_
#define MSGPROC_SERVICES_BASE_CONNECTION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "services/base/socket_address.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {

// The open connections: a duplicate descriptor of each, with which it can be
// ended, and, behind a proxy, who is at its far end.
//
// gRPC never tells when a connection of its own ends; whoever watches the
// duplicates does, and calls Remove. Thread-safe.
class ConnectionTable {
 public:
  // `peer` as SocketAddress::ToPeer writes it. `id` is not in the table yet.
  void Add(uint64_t id, UniqueFd duplicate, std::string peer);

  // Closes the duplicate. Nothing happens when `id` is gone.
  void Remove(uint64_t id);

  // Counts `id` for `source`, once; false: `source` has `limit` already.
  bool CountFor(uint64_t id, const std::string& source, size_t limit);

  // As it was added; empty when `id` is gone.
  std::string PeerOf(uint64_t id) const;

  // The duplicate, still the table's; -1 when `id` is gone.
  int DuplicateOf(uint64_t id) const;

  // Remembers the client behind a proxy's connection.
  void SetClient(uint64_t id, const SocketAddress& client);

  // The client behind the connection that comes from `grpc_peer`
  // (grpc::ServerContext::peer()), as ToPeer writes it; `grpc_peer` itself,
  // decoded, when there is no proxy or the connection is gone.
  std::string ClientOf(absl::string_view grpc_peer) const;

  // Shuts both directions of every connection. They stay in the table until
  // Remove. Returns how many there were.
  size_t ShutDownAll();

  // Closes all duplicates.
  void Clear();

  size_t size() const;

 private:
  struct Connection {
    UniqueFd duplicate;
    std::string peer;
    std::string source;
  };
  struct Client {
    uint64_t id = 0;
    std::string peer;
  };

  mutable Mutex mutex_;
  std::unordered_map<uint64_t, Connection> connections_
      MSGPROC_GUARDED_BY(mutex_);
  // Connections by source, of those that are counted.
  std::unordered_map<std::string, size_t> sources_ MSGPROC_GUARDED_BY(mutex_);
  // By the proxy's side of the connection. A port may be used anew before its
  // former connection was removed, hence the id.
  std::unordered_map<std::string, Client> clients_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_CONNECTION_TABLE_H_
