#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_COMMIT_QUEUE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_COMMIT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/processor/executors/batch.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/commit_source.h"
#include "services/processor/store/group_commit.h"
#include "services/processor/store/group_runner.h"
#include "services/processor/store/session_committer.h"
#include "services/processor/store/store_counters.h"

namespace msgproc::processor {

// A session's part of a group, and what has come of it.
struct GroupMember {
  GroupCommit::Key key = 0;
  std::shared_ptr<CommitSource> source;
  GroupPart part;
  bool committed = false;
  // Of the claim, as it is now.
  uint64_t epoch = 0;
};

// What waits for a store, and in which order it gets there: claims and groups
// take turns. Who has a connection asks NextTask, does what that says, and
// tells what came of it.
//
// Pure: no threads, no store, times are handed in. Not thread-safe, but for the
// functions beside it.
class CommitQueue {
 public:
  using Key = GroupCommit::Key;

  struct WaitingClaim {
    Claim claim;
    SessionCommitter::OnClaimed done;
  };
  struct Source {
    std::shared_ptr<CommitSource> commits;
    std::unique_ptr<Batch> work;
  };
  // What to do next: claims to be made together, or a group to be committed;
  // empty: there is nothing.
  struct Task {
    std::vector<WaitingClaim> claims;
    std::vector<Key> group;
    std::vector<Source> sources;  // Of the group, in the same order.

    bool empty() const { return claims.empty() && group.empty(); }
  };

  explicit CommitQueue(const GroupCommit::Options& options)
      : groups_(options) {}

  // As of SessionCommitter. Ask NextTask.
  void AddClaim(WaitingClaim claim) { claims_.push_back(std::move(claim)); }
  void OnReady(Key key, std::shared_ptr<CommitSource> source,
               const GroupCommit::Load& more, absl::Time now);
  void Submit(Key key, std::shared_ptr<CommitSource> source,
              std::unique_ptr<Batch> work, absl::Time now);

  Task NextTask();

  // The group is over; `members` are those that had anything. Returns what is
  // to be let go without a lock, since it holds sessions. Ask NextTask.
  [[nodiscard]] std::vector<Source> OnDone(const std::vector<Key>& group,
                                           std::vector<GroupMember> members,
                                           absl::Time now);

  // Whether NextTask may have something.
  bool HasTask() const { return !claims_.empty() || groups_.waiting() > 0; }
  const GroupCommit& groups() const { return groups_; }
  size_t claims() const { return claims_.size(); }

  // Everything, for whoever stops: to be let go without a lock.
  struct Contents {
    std::deque<WaitingClaim> claims;
    std::unordered_map<Key, Source> sources;
  };
  Contents TakeAll();
  // The claims alone, to be refused; those `anew` stay, since their sessions
  // are open, and wait for the store as results do.
  std::deque<WaitingClaim> TakeClaims();

 private:
  GroupCommit groups_;
  std::unordered_map<Key, Source> sources_;
  std::deque<WaitingClaim> claims_;
  bool claims_next_ = true;
};

// Asks the sessions of the task's group for what they have, each for so many
// bytes of results at most; those that have nothing are left out.
std::vector<GroupMember> Gather(CommitQueue::Task* task, size_t max_bytes);

// Tells the members' sessions what came of it. Those that are to be tried again
// keep what CommitQueue::OnDone needs.
void TellMembers(std::vector<GroupMember>* members, StoreCounters* counters);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_COMMIT_QUEUE_H_
