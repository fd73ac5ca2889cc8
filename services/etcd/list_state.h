#ifndef MSGPROC_SERVICES_ETCD_LIST_STATE_H_
#define MSGPROC_SERVICES_ETCD_LIST_STATE_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "common/backoff.h"
#include "common/state_dump.h"

namespace msgproc::etcd {

// Follows all keys of a folder in etcd: lists them, then watches from the
// revision behind the list. Says what to ask etcd for next, and what has
// changed.
//
//                  listed               watch created
//   [ unlisted ]──────────►[ listed ]──────────────────►[ following ]
//     ▲      ▲                  ▲   └─ ended, compacted        │ │
//     │      └──────────────────│──────────────────────────────│─┘ compacted,
//     │ starts here             └──────────────────────────────┘   another
//     store │                          ended, or a probe failed
//
// A watch says nothing while nothing changes, also when its member has lost
// its cluster, so following takes a probe every so often: a linearizable read,
// which only a cluster with a quorum answers. Where the first list cannot be
// had, one that any member gives by itself (serializable) does for the time
// being: old servers are better than none.
//
// A broken watch goes on where it was, without a new list. What was compacted
// meanwhile, or belongs to a store that is not the one that was listed (made
// anew, restored), is listed again. Pure; not thread-safe.
class ListState {
 public:
  struct Options {
    // Each of whom is asked by itself where the cluster does not answer: who
    // carries the requests out goes on to the next one after a failure.
    int members = 1;
    absl::Duration probe_interval = absl::Seconds(2);
    // For a watch to be created. Other requests have deadlines of their own.
    absl::Duration watch_timeout = absl::Seconds(2);
    // The whole list anew, whether that is needed or not.
    absl::Duration resync_interval = absl::Minutes(10);
    absl::Duration initial_backoff = absl::Milliseconds(50);
    absl::Duration max_backoff = absl::Seconds(1);
  };

  enum class Phase { kUnlisted, kListed, kOpening, kFollowing };
  enum class Request { kNone, kList, kListSerializable, kWatch, kProbe };

  struct Actions {
    // First of all: the watch that there is counts no more, and nothing that
    // it says is told.
    bool drop_watch = false;
    Request request = Request::kNone;
    // Of kWatch: the first revision wanted.
    int64_t from_revision = 0;
    absl::Time wake = absl::InfiniteFuture();
  };

  // Which store has answered, and how far it is.
  struct Stamp {
    uint64_t cluster_id = 0;
    int64_t revision = 0;
  };

  struct Item {
    std::string key;
    std::string value;
    // Of an event: the key is gone. Its value is empty.
    bool deleted = false;
    int64_t revision = 0;
  };

  explicit ListState(const Options& options);

  Actions Next(absl::Time now);

  // Answers to kList and kListSerializable; what has changed is returned, with
  // all that is there among it.
  std::vector<Item> OnListed(absl::Time now, const Stamp& stamp,
                             std::vector<Item> items);
  void OnListFailed(absl::Time now, absl::BitGenRef random);

  // What the watch says.
  void OnWatchCreated(absl::Time now);
  std::vector<Item> OnEvents(absl::Time now, std::vector<Item> events);
  void OnWatchEnded(absl::Time now, bool compacted, absl::BitGenRef random);

  void OnProbed(absl::Time now, const Stamp& stamp);
  void OnProbeFailed(absl::Time now, absl::BitGenRef random);

  Phase phase() const { return phase_; }
  // When a cluster with a quorum was last heard of what is listed here.
  absl::Time heard_at() const { return heard_at_; }
  // Lists, of which all but the first say that something went amiss.
  uint64_t lists() const { return lists_; }
  uint64_t failures() const { return failures_; }

  StateDump Dump(absl::Time now) const;

 private:
  void ChangePhase(Phase phase);
  void ListAgain();
  void Retry(absl::Time now, absl::BitGenRef random);

  const Options options_;
  Phase phase_ = Phase::kUnlisted;
  // A list or a probe.
  Request under_way_ = Request::kNone;
  bool drop_watch_ = false;
  // Something is listed, if only by one member.
  bool known_ = false;
  // Members to be asked by themselves before the cluster is asked again.
  int alone_left_ = 0;
  uint64_t cluster_id_ = 0;
  int64_t revision_ = 0;
  std::set<std::string> keys_;
  absl::Time heard_at_ = absl::InfinitePast();
  absl::Time probe_at_ = absl::InfinitePast();
  absl::Time listed_at_ = absl::InfinitePast();
  absl::Time opened_by_ = absl::InfiniteFuture();
  absl::Time retry_at_ = absl::InfinitePast();
  Backoff backoff_;
  uint64_t lists_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_LIST_STATE_H_
