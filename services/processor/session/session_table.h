#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_TABLE_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "services/processor/session/anonymous_sessions.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/memory_budget.h"
#include "services/processor/session/open_request.h"
#include "services/processor/session/principal_quotas.h"
#include "services/processor/store/claim.h"

namespace msgproc::processor {

// The opened sessions of a processor, by name: attached ones and, for a while,
// detached ones. Thread-safe.
class SessionTable {
 public:
  struct Options {
    // How long a detached session stays.
    absl::Duration session_ttl = absl::Minutes(2);
    // Beyond it whole detached sessions go, oldest first. Each counts what it
    // holds and kSessionBytes.
    size_t max_detached_bytes = 256 << 20;
    // What all sessions may hold, attached or not; -1: a quarter of what the
    // process may use, 0: anything.
    int64_t memory_budget = -1;
    SessionLimits limits;
    // Where sessions outlive the process, if they do. Outlives the table.
    SessionCommitter* committer = nullptr;
  };
  static constexpr size_t kSessionBytes = HostedSession::kBytes;

  // `counters` and `clock` outlive the table.
  SessionTable(const Options& options, ProcessorCounters* counters,
               const Clock* clock);

  using Request = OpenRequest;
  struct Opened {
    std::shared_ptr<HostedSession> session;
    HostedSession::Attached attached;
  };

  // Before Open: the claim that is to be made of the session at the store.
  // Nullopt: none, since the session lives in memory (there is no store, or the
  // client lacks a name or a secret of its own, or got it from this server).
  // INVALID_ARGUMENT, ABORTED as of Open.
  absl::StatusOr<absl::optional<Claim>> PrepareClaim(const Request& request);
  // A claim that was made, and what came of it. Both outlive the call.
  struct Stored {
    const Claim* claim = nullptr;
    const Claimed* claimed = nullptr;
  };

  // Opens, resumes or takes over a session for `attachment`. `binding` is for
  // new ones, and its error is theirs only. INVALID_ARGUMENT: malformed id or
  // token, or messages that may not come along; PERMISSION_DENIED: wrong token,
  // or another principal's session; UNAVAILABLE: a new one, and no memory;
  // RESOURCE_EXHAUSTED: more than its principal may have;
  // ABORTED: the client has sent a later Open, which was here first.
  // With `stored`, of the session that the store has: also what that says, and
  // DATA_LOSS where its results are broken.
  absl::StatusOr<Opened> Open(const Request& request,
                              const absl::StatusOr<HandlerBinding*>& binding,
                              const std::shared_ptr<AttachedStream>& attachment,
                              const Stored* stored = nullptr);

  // The stream of a session ended. `finished`: by half-closing, so that the
  // session goes from here when everything was received; from its store, too,
  // unless it was `sent_away` and the client goes on with it elsewhere.
  void Detach(const std::shared_ptr<HostedSession>& session,
              const AttachedStream* attachment, bool finished,
              bool sent_away = false);

  // For operators: every session that is there. They are gathered piece by
  // piece, so that no Open waits for long; one that comes or goes meanwhile may
  // be missed.
  std::vector<std::shared_ptr<HostedSession>> All() const;
  // Null: there is none.
  std::shared_ptr<HostedSession> Find(const std::string& id) const {
    MutexLock lock(&mutex_);
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second.session;
  }
  // Those of streams without an `Open`, which are none of the table's: added by
  // who makes them, removed by Detach.
  AnonymousSessions* anonymous() { return &anonymous_; }
  // Forgets a session that no stream has, here and in its store. NOT_FOUND;
  // FAILED_PRECONDITION: a stream has it, or a handler has messages of it.
  absl::Status ForgetDetached(const std::string& id);

  // Whether there is memory for a new session; if need be, detached ones go.
  absl::Status MakeRoom();
  MemoryBudget* memory() { return &memory_; }
  PrincipalQuotas* quotas() { return &quotas_; }

  // Forgets what has been detached for too long, or is too much. To be called
  // about once a second.
  void Sweep();

  StateDump Dump(absl::Time now) const {
    MutexLock lock(&mutex_);
    StateDump dump("processor::SessionTable",
                   {{"sessions", sessions_.size()},
                    {"detached", detached_.size()},
                    {"detached_bytes", detached_bytes_},
                    {"max_detached_bytes", options_.max_detached_bytes},
                    {"unsettled", unsettled_.size()},
                    {"session_ttl", options_.session_ttl}});
    if (!detached_.empty()) {
      const Entry& oldest = sessions_.at(detached_.front());
      dump.Add("oldest_detached_at", When(oldest.detached_at, now));
    }
    return dump;
  }

 private:
  struct Entry {
    std::shared_ptr<HostedSession> session;
    OpenGeneration generation;  // Of the Open that has it, or had it last.
    bool detached = false;
    absl::Time detached_at;
    size_t bytes = 0;  // What it counts in detached_bytes_, when detached.
    std::list<std::string>::iterator place;  // In detached_, when detached.
  };
  using Sessions = std::unordered_map<std::string, Entry>;

  absl::StatusOr<Opened> Attach(
      const std::string& id, const Request& request,
      const absl::StatusOr<HandlerBinding*>& binding,
      const std::shared_ptr<AttachedStream>& attachment, const Stored* stored);
  // Makes way for a session as the store has it: what is here of it is of a
  // claim before. Returns that, to be given up without the lock. ABORTED: what
  // is here is of a later claim.
  absl::StatusOr<std::shared_ptr<HostedSession>> MakeWay(
      const std::string& id, const Claimed& claimed);
  absl::StatusOr<std::shared_ptr<HostedSession>> NewSession(
      const std::string& id, const Request& request, HandlerBinding* binding,
      const Stored* stored);
  // Answers the session, to be let go without the lock: it may hold much.
  std::shared_ptr<HostedSession> Forget(Sessions::iterator entry)
      MSGPROC_REQUIRES(mutex_);
  absl::Status LateOpen(const Request& request, const OpenGeneration& here);
  void CountOpen(Session::State state, bool moved);
  void MarkAttached(Entry* entry) MSGPROC_REQUIRES(mutex_);
  // Takes what a detached session holds into the sum. Returns whether that may
  // still grow: results are being made.
  bool Count(Entry* entry) MSGPROC_REQUIRES(mutex_);
  void CountUnsettled() MSGPROC_REQUIRES(mutex_);
  bool Has(absl::string_view id) MSGPROC_EXCLUDES(mutex_);
  // Forgets detached sessions while the memory of all is full, oldest first.
  void EvictWhileFull() MSGPROC_EXCLUDES(mutex_);

  const Options options_;
  ProcessorCounters* const counters_;
  const Clock* const clock_;
  // Outlives the table's sessions, and those that streams and batches have.
  MemoryBudget memory_;
  PrincipalQuotas quotas_;
  AnonymousSessions anonymous_;

  mutable Mutex mutex_;
  Sessions sessions_ MSGPROC_GUARDED_BY(mutex_);
  // Oldest first.
  std::list<std::string> detached_ MSGPROC_GUARDED_BY(mutex_);
  // What they hold together; and those of them whose part may still grow, so
  // that a sweep counts these anew and does not walk over all.
  size_t detached_bytes_ MSGPROC_GUARDED_BY(mutex_) = 0;
  std::set<std::string> unsettled_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_TABLE_H_
