#include "services/base/connection_table.h"

#include <sys/socket.h>

#include <utility>

#include "common/check.h"

namespace msgproc::base {

void ConnectionTable::Add(uint64_t id, UniqueFd duplicate, std::string peer) {
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(duplicate.valid());
  const bool is_new =
      connections_
          .emplace(id, Connection{std::move(duplicate), std::move(peer), ""})
          .second;
  MSGPROC_CHECK(is_new);
}

bool ConnectionTable::CountFor(uint64_t id, const std::string& source,
                               size_t limit) {
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(!source.empty());
  MSGPROC_CHECK_GT(limit, size_t{0});
  const auto found = connections_.find(id);
  if (found == connections_.end()) return true;
  MSGPROC_CHECK(found->second.source.empty());
  size_t& count = sources_[source];
  if (count >= limit) return false;
  ++count;
  found->second.source = source;
  return true;
}

std::string ConnectionTable::PeerOf(uint64_t id) const {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(id);
  return found == connections_.end() ? "" : found->second.peer;
}

void ConnectionTable::Remove(uint64_t id) {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const auto client = clients_.find(found->second.peer);
  if (client != clients_.end() && client->second.id == id) {
    clients_.erase(client);
  }
  const auto source = sources_.find(found->second.source);
  if (source != sources_.end()) {
    MSGPROC_CHECK_GT(source->second, size_t{0});
    if (--source->second == 0) sources_.erase(source);
  }
  connections_.erase(found);
}

int ConnectionTable::DuplicateOf(uint64_t id) const {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(id);
  return found == connections_.end() ? -1 : found->second.duplicate.get();
}

void ConnectionTable::SetClient(uint64_t id, const SocketAddress& client) {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  clients_[found->second.peer] = Client{id, client.ToPeer()};
}

std::string ConnectionTable::ClientOf(absl::string_view grpc_peer) const {
  std::string peer = DecodePeer(grpc_peer);
  MutexLock lock(&mutex_);
  const auto found = clients_.find(peer);
  return found == clients_.end() ? peer : found->second.peer;
}

size_t ConnectionTable::ShutDownAll() {
  MutexLock lock(&mutex_);
  for (const auto& [id, connection] : connections_) {
    shutdown(connection.duplicate.get(), SHUT_RDWR);
  }
  return connections_.size();
}

void ConnectionTable::Clear() {
  MutexLock lock(&mutex_);
  connections_.clear();
  clients_.clear();
  sources_.clear();
}

size_t ConnectionTable::size() const {
  MutexLock lock(&mutex_);
  return connections_.size();
}

}  // namespace msgproc::base
