#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_STORE_WORKER_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_STORE_WORKER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/commit_queue.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/store_counters.h"

namespace msgproc::processor {

// Whether handlers have got in each other's way of late: then their work is
// done one transaction at a time, since in large ones each meets each, and a
// deadlock costs a second. Thread-safe.
class Contention {
 public:
  void OnConflict(absl::Time now) {
    until_ns_ = absl::ToUnixNanos(now + kSerializeFor);
  }
  bool Serialize(absl::Time now) const {
    return absl::ToUnixNanos(now) < until_ns_;
  }

 private:
  static constexpr absl::Duration kSerializeFor = absl::Seconds(30);
  std::atomic<int64_t> until_ns_{INT64_MIN};
};

// One connection to a store, made when it is needed and again when it is lost,
// with what is to be known about failures: conflicts are tried again; an answer
// to a COMMIT that is lost is resolved by fencing oneself (the claims are made
// anew, which tells what was committed, and what comes too late is refused);
// a session that cannot be committed is told from the others. Belongs to one
// thread. Blocks. Errors as in session_store.h.
class StoreWorker {
 public:
  // Waits for a while, since the store fails.
  using Pause = std::function<void(const absl::Status&)>;

  // All of them outlive it.
  StoreWorker(SessionStore* store, const std::atomic<bool>* stop,
              StoreCounters* counters, Contention* contention, Pause pause);

  absl::StatusOr<std::vector<Claimed>> Claim(
      const std::vector<processor::Claim>& claims);

  // Commits the members, together or one by one. OK: each is committed, fenced,
  // dropped, or (its commit was lost and did not happen) to be tried again.
  // Otherwise those are that are not `committed`.
  absl::Status Commit(std::vector<GroupMember>* members);

  // Expires sessions and measures the store.
  absl::Status KeepHouse(absl::Duration session_retention,
                         absl::Duration tombstone_retention);

 private:
  absl::Status Connect();
  absl::Status Note(absl::Status status);
  void CountClaim(const Claimed& claimed);
  absl::Status CommitTogether(GroupMember* begin, size_t count);
  absl::Status Resolve(GroupMember* begin, size_t count);

  SessionStore* const store_;
  const std::atomic<bool>* const stop_;
  StoreCounters* const counters_;
  Contention* const contention_;
  const Pause pause_;
  std::unique_ptr<StoreConnection> connection_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_STORE_WORKER_H_
