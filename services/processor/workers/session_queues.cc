#include "services/processor/workers/session_queues.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {

void SessionQueues::Queue(WorkItem* item, bool front) {
  SessionLedger& session = Of(*item);
  front ? session.waiting.push_front(item) : session.waiting.push_back(item);
  if (session.queued) return;
  session.queued = true;
  turns_.push_back(&session);
}

void SessionQueues::QueueSuspect(WorkItem* item, bool front) {
  SessionLedger& session = Of(*item);
  if (!std::exchange(item->suspect, true)) ++session.suspects_open;
  front ? session.suspects.push_front(item) : session.suspects.push_back(item);
  MSGPROC_CHECK_GE(session.suspects_open, session.suspects.size());
  if (session.watched) return;
  session.watched = true;
  watched_.push_back(&session);
}

void SessionQueues::OnComplete(WorkItem* item) {
  if (!std::exchange(item->suspect, false)) return;
  SessionLedger& session = Of(*item);
  MSGPROC_CHECK_GT(session.suspects_open, 0u);
  --session.suspects_open;
}

SessionLedger* SessionQueues::NextInTurn(May may, Drop drop) {
  for (auto it = turns_.begin(); it != turns_.end();) {
    SessionLedger* session = *it;
    MSGPROC_CHECK(session->queued);
    if (session->waiting.empty()) {
      session->queued = false;
      it = turns_.erase(it);
      continue;
    }
    if (!may(session)) {
      ++it;
      continue;
    }
    if (drop(session->waiting.front())) {
      session->waiting.pop_front();
      continue;
    }
    if (it != turns_.begin()) {
      turns_.erase(it);
      turns_.push_front(session);
    }
    return session;
  }
  return nullptr;
}

void SessionQueues::TakeFirst(const WorkItem* item) {
  MSGPROC_CHECK(!turns_.empty());
  SessionLedger* session = turns_.front();
  MSGPROC_CHECK_EQ(session->waiting.front(), item);
  session->waiting.pop_front();
  turns_.pop_front();
  session->queued = !session->waiting.empty();
  if (session->queued) turns_.push_back(session);
}

std::vector<SessionLedger*> SessionQueues::Isolated(absl::Time now) {
  watched_.erase(std::remove_if(watched_.begin(), watched_.end(),
                                [now](SessionLedger* session) {
                                  session->watched =
                                      !session->suspects.empty() ||
                                      session->Tainted(now);
                                  return !session->watched;
                                }),
                 watched_.end());
  std::vector<SessionLedger*> sessions;
  for (SessionLedger* session : watched_) {
    if (session->not_before() <= now) sessions.push_back(session);
  }
  const auto key = [](const SessionLedger* session) {
    const int deaths = session->deaths();
    return std::make_tuple(deaths, deaths > 0 ? session->suspects_open : 0,
                           session->turn);
  };
  std::sort(sessions.begin(), sessions.end(),
            [&](const auto* a, const auto* b) { return key(a) < key(b); });
  return sessions;
}

bool SessionQueues::OthersWait() const {
  return std::any_of(turns_.begin(), turns_.end(),
                     [](const auto* session) { return !session->watched; });
}

absl::Time SessionQueues::NextChange(absl::Time now, absl::Time also) const {
  absl::Time next = absl::InfiniteFuture();
  for (const SessionLedger* session : watched_) {
    for (const absl::Time time : {session->not_before(), also}) {
      if (time > now) next = std::min(next, time);
    }
  }
  return next;
}

size_t SessionQueues::MaxWorkersOfOne(size_t open) const {
  const auto tainted = static_cast<size_t>(
      std::count_if(watched_.begin(), watched_.end(),
                    [](const auto* session) { return session->deaths() > 0; }));
  if (sessions_.size() - tainted <= 1) return SIZE_MAX;
  return std::max<size_t>(1, (open + 1) / 2);
}

uint64_t SessionQueues::CountWaiting() const {
  uint64_t messages = 0;
  for (const auto& [id, session] : sessions_) {
    for (const auto* queue : {&session.suspects, &session.waiting}) {
      for (const WorkItem* item : *queue) messages += item->remaining();
    }
  }
  return messages;
}

bool SessionQueues::CheckInvariants() const {
  size_t queued = 0;
  size_t watched = 0;
  for (const auto& [id, session] : sessions_) {
    MSGPROC_CHECK(session.CheckInvariants());
    if (session.queued) ++queued;
    if (session.watched) ++watched;
  }
  // In each list once, and nobody in it who does not know.
  MSGPROC_CHECK_EQ(queued, turns_.size());
  MSGPROC_CHECK_EQ(watched, watched_.size());
  for (const SessionLedger* session : turns_) MSGPROC_CHECK(session->queued);
  for (const SessionLedger* session : watched_) MSGPROC_CHECK(session->watched);
  return true;
}

void SessionQueues::TakeWaiting(std::vector<WorkItem*>* taken) {
  for (auto& [id, session] : sessions_) {
    for (auto* queue : {&session.suspects, &session.waiting}) {
      taken->insert(taken->end(), queue->begin(), queue->end());
      queue->clear();
    }
    session.queued = false;
  }
  turns_.clear();
}

void SessionQueues::Tidy(absl::Time now) {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    it = it->second.Forgettable(now) ? sessions_.erase(it) : std::next(it);
  }
}

}  // namespace msgproc::processor
