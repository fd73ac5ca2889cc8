#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_COMMIT_SOURCE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_COMMIT_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// What has something to commit: a session. Called on the store's threads, one
// call at a time, without a lock held.
class CommitSource {
 public:
  virtual ~CommitSource() = default;

  // The claim that it commits under, to be made anew.
  virtual Claim ClaimAnew() const = 0;

  // What is to be written now: results of at most so many bytes (one always
  // fits), and what may go. `with_results`: false where the results are made in
  // the transaction. One of the three below follows if it has anything.
  virtual SessionWrite TakeCommit(size_t max_bytes, bool with_results) = 0;

  // It is in the store, for good. `epoch`: of the claim, as it is now.
  virtual void OnCommitted(const SessionWrite& write, uint64_t epoch) = 0;
  // It is not, and will be asked for again.
  virtual void OnNotCommitted(const SessionWrite& write, uint64_t epoch) = 0;
  // The session is another process's now, or gone: nothing of it counts here.
  // (Or this process has made its claim anew meanwhile, and knows better.)
  virtual void OnFenced(const SessionWrite& write) = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_COMMIT_SOURCE_H_
