#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SESSION_COMMITTER_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SESSION_COMMITTER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/executors/batch.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/commit_source.h"
#include "services/processor/store/group_commit.h"

namespace msgproc::processor {

// Keeps sessions in a store: StoreCommitter, by threads, or a simulator, by
// events. Called without a lock held, and calls back without one.
class SessionCommitter {
 public:
  using Key = GroupCommit::Key;
  using OnClaimed = std::function<void(absl::StatusOr<Claimed>)>;

  virtual ~SessionCommitter() = default;

  // The store's.
  virtual const std::string& generation() const = 0;

  // How often a session that is in use has to say so, long before it expires.
  virtual absl::Duration touch_interval() const { return absl::Hours(1); }

  // Claims a session. `done` is called once, on a thread of the store's; what
  // is not answered when the committer stops is UNAVAILABLE, on the thread that
  // stops it. So is what the store fails to answer, but for claims `anew`:
  // their session is open, and they are made until it works again.
  virtual void ClaimSession(Claim claim, OnClaimed done) = 0;

  // The session has this much more to commit. `key` is its own for ever.
  virtual void OnReady(Key key, std::shared_ptr<CommitSource> source,
                       const GroupCommit::Load& more) = 0;
  // The session's next messages, at most one batch at a time, to be handled in
  // a transaction: the batch is Done once that is committed, and dropped if the
  // session is fenced.
  virtual void Submit(Key key, std::shared_ptr<CommitSource> source,
                      std::unique_ptr<Batch> work) = 0;

  // For operators who debug: adds where the session is on its way to the store.
  virtual void AddDump(Key /*key*/, absl::Time /*now*/,
                       std::vector<StateDump>* /*dumps*/) {}
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SESSION_COMMITTER_H_
