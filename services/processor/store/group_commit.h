#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_GROUP_COMMIT_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_GROUP_COMMIT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"

namespace msgproc::processor {

// Decides which sessions commit together. While as many groups are in flight as
// may be, sessions gather; when one is over, those that have waited longest
// leave together in the next. So nobody waits for company, and a busy store
// takes few large commits (group commit: DeWitt et al. 1984; Helland et al.
// 1987).
//
// A session is in one group at a time, so its commits are in order. What became
// ready meanwhile goes into a later one.
//
//            OnReady            NextGroup            OnDone, nothing new
//   (absent) ───────▶ waiting ───────────▶ in flight ────────▶ (absent)
//                        ▲                     │
//                        └─────────────────────┘ OnDone, more became ready
//
// Pure: no threads, no store. Not thread-safe.
class GroupCommit {
 public:
  struct Options {
    // Groups at the same time: connections to the store.
    int max_groups = 1;
    // Of one group, together; a single session always fits.
    size_t max_bytes = 4 << 20;
    size_t max_sessions = 256;
    // What handlers that run in the transaction take.
    absl::Duration max_work = absl::Milliseconds(5);
  };
  using Key = uint64_t;

  // What a session has to commit, as it knows it.
  struct Load {
    size_t bytes = 0;
    absl::Duration work;

    Load& operator+=(const Load& other) {
      bytes += other.bytes;
      work += other.work;
      return *this;
    }
  };

  explicit GroupCommit(const Options& options);

  // The session has this much more to commit. Ask NextGroup.
  void OnReady(Key session, const Load& more, absl::Time now);

  // The sessions of the next group, those that wait longest first; empty: none
  // wait, or as many groups as may be are in flight. OnDone follows.
  std::vector<Key> NextGroup();

  // The group is over: its sessions were committed, or given up. Those of it
  // that are `undone`, in the group's order, wait again, in front of all and as
  // if they had never left. Ask NextGroup.
  void OnDone(const std::vector<Key>& group, absl::Time now,
              const std::vector<Key>& undone = {});

  // Whether the session waits or is in flight.
  bool Knows(Key session) const { return sessions_.count(session) > 0; }
  int groups_in_flight() const { return groups_in_flight_; }
  size_t waiting() const { return queue_.size(); }
  // Since when the one waits that has waited longest; infinite future: none.
  absl::Time oldest() const;

  // Of all; and of one session among them.
  StateDump Dump(absl::Time now) const;
  StateDump DumpOf(Key session, absl::Time now) const;

 private:
  struct Session {
    bool in_flight = false;
    // Waiting: what for. In flight: what became ready since.
    Load load;
    Load taken;
    absl::Time since = absl::InfiniteFuture();
    absl::Time taken_since = absl::InfiniteFuture();
    bool more = false;
  };

  void CheckInvariants() const;
  void Undo(Session* session);

  const Options options_;
  std::unordered_map<Key, Session> sessions_;
  // Those that wait.
  std::deque<Key> queue_;
  int groups_in_flight_ = 0;
  size_t in_flight_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_GROUP_COMMIT_H_
