#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_COMMITS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_COMMITS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/executors/batch.h"
#include "services/processor/session/session.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/group_commit.h"
#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// What a stored session's process knows of it in the store, and what is to be
// written there next. Pure; its session's lock guards it.
class SessionCommits {
 public:
  // Received results go from the store after so many commits, together.
  static constexpr int kCommitsPerTrim = 16;

  // What a batch brings to be committed.
  static GroupCommit::Load LoadOf(const Batch& batch);

  // `claim` is the one that was made, and `claimed` what came of it. A session
  // in use says so every `touch_interval`.
  SessionCommits(const Claim& claim, const Claimed& claimed, absl::Time now,
                 absl::Duration touch_interval);

  // The session is in use: returns whether the store is to be told, now.
  [[nodiscard]] bool OnUse(absl::Time now);
  // The client is there, by a stream of this trace; it has left: what it has
  // received may go, and if nothing is begun that is not committed, the store
  // will know. Returns whether there is something to write.
  void OnAttached(absl::string_view trace_id) {
    settles_ = false;
    claim_.trace_id = std::string(trace_id);
  }
  [[nodiscard]] bool OnLeft(const Session& session);
  // A worker has died, as BatchOwner has it: the next process is to know.
  void OnWorkerDied(const Tries& tries);
  // The client has left for good, with everything.
  void OnFinished() { finished_ = true; }
  void OnFenced() { fenced_ = true; }
  bool fenced() const { return fenced_; }
  // Results up to here were committed by a worker, as it says: they are
  // compared with what the store has.
  void OnWorkerCommitted(uint64_t through);

  // The claim is to be made anew, while others may be writing under the one
  // before; and that is done. Returns what is to be claimed.
  Claim BeginReclaim(const Session& session);
  void OnReclaimed(uint64_t epoch);
  // Whether what was refused was written under a claim that this process itself
  // has given up, or is giving up.
  bool WasReclaimed(const SessionWrite& write) const {
    return reclaiming_ || write.epoch < claim_.epoch;
  }

  // As CommitSource has them.
  Claim Anew(const Session& session) const;
  SessionWrite Take(Session* session, size_t max_bytes, bool with_results);
  // Returns whether there is more than Take could give: ask again.
  [[nodiscard]] bool OnCommitted(Session* session, const SessionWrite& write,
                                 uint64_t epoch);
  void OnNotCommitted(Session* session, const SessionWrite& write,
                      uint64_t epoch);

  uint64_t epoch() const { return claim_.epoch; }

  StateDump Dump(absl::Time now) const;

 private:
  // What is to be written of tries. After the results were taken.
  void TakeTries(const Session& session, SessionWrite* write);

  // As it stands now.
  Claim claim_;
  bool fenced_ = false;
  bool reclaiming_ = false;
  uint64_t by_worker_through_ = 0;
  bool finished_ = false;
  uint64_t trimmed_through_ = 0;
  int commits_since_trim_ = 0;
  bool trim_ = false;
  bool touch_ = false;
  // The client has left, and the store does not know that nothing is begun.
  bool settles_ = false;
  // Of messages that workers have died over, since that was written last.
  std::optional<Tries> tries_;
  absl::Duration touch_interval_;
  absl::Time touched_at_;
  // Results that are with the store; size 0: none. And whether others were
  // ready by then.
  Session::Run run_;
  bool cut_ = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_COMMITS_H_
