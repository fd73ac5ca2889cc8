#include "services/base/http_connections.h"

#include <algorithm>

#include "common/check.h"

namespace msgproc::base {

HttpConnections::Admission HttpConnections::Admit(int fd,
                                                  const std::string& source,
                                                  absl::Time now) {
  const bool source_full = !source.empty() && limits_.per_source > 0 &&
                           Count(source) >= limits_.per_source;
  const bool full = limits_.total > 0 && Count("") >= limits_.total;
  Admission admission;
  if (source_full || full) {
    // A source that is over its share makes room among its own.
    const std::string& among = source_full ? source : std::string();
    admission.evicted = TakeLongestWaiting(among, Phase::kReading);
    if (!admission.evicted.has_value()) {
      admission.evicted = TakeLongestWaiting(among, Phase::kSending);
    }
    if (!admission.evicted.has_value()) return admission;
  }
  MSGPROC_CHECK_GE(fd, 0);
  connections_[fd] = Connection{source, Phase::kQueued, now};
  admission.admitted = true;
  return admission;
}

void HttpConnections::Begin(int fd, absl::Time now) {
  Enter(fd, Phase::kReading, now);
}

void HttpConnections::HandlerBegan(int fd, absl::Time now) {
  Enter(fd, Phase::kHandling, now);
}

void HttpConnections::HandlerEnded(int fd, absl::Time now) {
  Enter(fd, Phase::kSending, now);
}

void HttpConnections::RequestEnded(int fd, absl::Time now) {
  Enter(fd, Phase::kReading, now);
}

std::vector<int> HttpConnections::TakeOverdue(absl::Time now) {
  std::vector<int> overdue;
  for (auto& [fd, connection] : connections_) {
    if (!IsTimed(connection)) continue;
    if (connection.since + limits_.request_timeout > now) continue;
    connection.phase = Phase::kClosing;
    overdue.push_back(fd);
  }
  return overdue;
}

absl::Time HttpConnections::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [fd, connection] : connections_) {
    if (!IsTimed(connection)) continue;
    next = std::min(next, connection.since + limits_.request_timeout);
  }
  return next;
}

void HttpConnections::Enter(int fd, Phase phase, absl::Time now) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  if (found->second.phase == Phase::kClosing) return;
  found->second.phase = phase;
  found->second.since = now;
}

size_t HttpConnections::Count(const std::string& source) const {
  return static_cast<size_t>(std::count_if(
      connections_.begin(), connections_.end(), [&source](const auto& entry) {
        return entry.second.phase != Phase::kClosing &&
               (source.empty() || entry.second.source == source);
      }));
}

absl::optional<int> HttpConnections::TakeLongestWaiting(
    const std::string& source, Phase phase) {
  auto longest = connections_.end();
  for (auto it = connections_.begin(); it != connections_.end(); ++it) {
    if (it->second.phase != phase) continue;
    if (!source.empty() && it->second.source != source) continue;
    if (longest == connections_.end() ||
        it->second.since < longest->second.since) {
      longest = it;
    }
  }
  if (longest == connections_.end()) return absl::nullopt;
  MSGPROC_CHECK(longest->second.phase == phase);
  longest->second.phase = Phase::kClosing;
  return longest->first;
}

bool HttpConnections::IsTimed(const Connection& connection) {
  return connection.phase == Phase::kReading ||
         connection.phase == Phase::kSending;
}

}  // namespace msgproc::base
