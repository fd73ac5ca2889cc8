#include "services/processor/admin/watched_sessions.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"

namespace msgproc::processor {

absl::StatusOr<bool> WatchedSessions::Log(
    const std::shared_ptr<HostedSession>& session, bool log) {
  MSGPROC_CHECK(session != nullptr);
  MutexLock lock(&mutex_);
  // Those that have ended go, and so does this one, to be added below.
  const auto goes = [&](const std::weak_ptr<HostedSession>& logged) {
    const auto still = logged.lock();
    return still == nullptr || still == session;
  };
  logged_.erase(std::remove_if(logged_.begin(), logged_.end(), goes),
                logged_.end());
  if (log && logged_.size() >= kMaxLogged) {
    return absl::ResourceExhaustedError(absl::StrCat(
        kMaxLogged,
        " sessions are logged at debug already, which is the most: set one of "
        "them back."));
  }
  if (log) logged_.push_back(session);
  return session->LogEvents(log);
}

absl::StatusOr<WatchedSessions::Traced*> WatchedSessions::Find(
    const std::string& id, const std::shared_ptr<HostedSession>& session,
    absl::Time now) {
  const auto over = [&](const Traced& traced) {
    return traced.live->Over(now);
  };
  traced_.erase(std::remove_if(traced_.begin(), traced_.end(), over),
                traced_.end());
  const auto found =
      std::find_if(traced_.begin(), traced_.end(),
                   [&](const Traced& traced) { return traced.id == id; });
  if (found != traced_.end()) {
    // It went, and one of the same name has come: its events go on.
    if (session != nullptr && found->session.lock() != session) {
      found->session = session;
      session->Follow(found->live);
    }
    return &*found;
  }
  if (session == nullptr) {
    return absl::NotFoundError("This server does not hold the session.");
  }
  if (traced_.size() >= kMaxTraced) {
    return absl::ResourceExhaustedError(absl::StrCat(
        kMaxTraced,
        " sessions are traced already, which is the most: stop one of the "
        "traces."));
  }
  traced_.push_back({.id = id,
                     .session = session,
                     .live = std::make_shared<LiveTrace>(++last_trace_, now),
                     .to_date = absl::Now() - now});
  session->Follow(traced_.back().live);
  return &traced_.back();
}

absl::StatusOr<WatchedSessions::Page> WatchedSessions::Read(
    const std::string& id, const std::shared_ptr<HostedSession>& session,
    uint64_t trace, uint64_t through) {
  MutexLock lock(&mutex_);
  // One that turns out to be over is begun anew.
  while (true) {
    const absl::Time now = clock_->Now();
    const absl::StatusOr<Traced*> traced = Find(id, session, now);
    if (!traced.ok()) return traced.status();
    auto events = (*traced)->live->Read(trace, through, now);
    if (!events) continue;
    return Page{.events = *std::move(events),
                .to_date = (*traced)->to_date,
                .gone = session == nullptr};
  }
}

}  // namespace msgproc::processor
