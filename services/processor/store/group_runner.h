#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_GROUP_RUNNER_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_GROUP_RUNNER_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/processor/executors/batch.h"
#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// One session's part of a group.
struct GroupPart {
  // What is written; of a part with work, the results are what that makes.
  // Those whose effects the store refuses become Errors here.
  SessionWrite write;
  // Messages to be handled in the transaction, or null.
  std::unique_ptr<Batch> work;
  // Each message in a savepoint, so that one can fail alone.
  bool careful = false;
  // The results as they were given, while those in `write` are amended.
  std::string given_results;

  // What came of it, if the group was committed: it was, or the session is
  // another process's, or nobody wants the work any more (then null).
  bool fenced = false;
  bool dropped = false;
};

// Commits a group in one transaction: runs the handlers, executes what workers'
// results do to the store, writes the outcomes. What is said of handlers here
// holds for such effects, too: a message's statements fail together, and alone.
//
// It tries without savepoints, which cost a handler of one statement half as
// much again. When a message fails that has done something, all is rolled back
// and its session's messages get one each; when that is not the last one to
// fail, all sessions' do. A session that is fenced is left out, and what its
// handlers did is undone with the rest and done again without it.
//
// OK: every part that is neither fenced nor dropped is committed. Otherwise
// nothing is, or (UNKNOWN) nobody knows; CANCELLED: `stop` became true.
//
// `serialize`: handlers' work waits for that of others (Serialize).
absl::Status RunGroup(StoreConnection* store, const std::atomic<bool>* stop,
                      std::vector<GroupPart>* parts, bool serialize = false);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_GROUP_RUNNER_H_
