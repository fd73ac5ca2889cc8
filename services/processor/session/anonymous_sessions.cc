#include "services/processor/session/anonymous_sessions.h"

#include <cstddef>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {

void AnonymousSessions::Add(const std::shared_ptr<HostedSession>& session) {
  MSGPROC_CHECK(session->anonymous());
  MutexLock lock(&mutex_);
  sessions_.emplace(session->number(), session);
}

void AnonymousSessions::Remove(const HostedSession& session) {
  MutexLock lock(&mutex_);
  sessions_.erase(session.number());
}

std::shared_ptr<HostedSession> AnonymousSessions::Find(uint64_t number) const {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(number);
  return found == sessions_.end() ? nullptr : found->second.lock();
}

void AnonymousSessions::AppendTo(
    std::vector<std::shared_ptr<HostedSession>>* sessions) const {
  // Looked at between two others' turns: tens of microseconds.
  constexpr size_t kPiece = 256;
  uint64_t next = 0;
  for (bool more = true; more;) {
    more = false;
    MutexLock lock(&mutex_);
    size_t looked_at = 0;
    for (auto i = sessions_.lower_bound(next); i != sessions_.end(); ++i) {
      if (++looked_at > kPiece) {
        next = i->first;
        more = true;
        break;
      }
      if (auto session = i->second.lock(); session != nullptr) {
        sessions->push_back(std::move(session));
      }
    }
  }
}

}  // namespace msgproc::processor
