#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SESSION_STORE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SESSION_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/handlers/transaction.h"
#include "services/processor/store/claim.h"

namespace msgproc::processor {

// What a commit writes of one session.
struct SessionWrite {
  std::string session_id;
  // Of this process's claim. Another one in the store: fenced.
  uint64_t epoch = 0;
  // Results; none when `through` is below `first`. Encoded as in Outcome. The
  // first follows what was committed before: anything else is an error of this
  // process.
  uint64_t first = 1;
  uint64_t through = 0;
  std::string results;
  // What some of these results do to the store, in order: executed by RunGroup
  // before it is written, and no business of Write's.
  std::vector<SharedEffects> effects;
  // Some of `results` are not what the session gave: the store refused their
  // effects, and they have become Errors.
  bool amended = false;
  // A worker has committed the results, as it says: they are not written but
  // compared with what is there. Anything else is an error. Of PostgreSQL only.
  bool by_worker = false;
  // The client has everything up to here, which need not be kept; 0: as before.
  uint64_t trim_through = 0;
  // How often what follows what is committed was begun, when that has changed
  // otherwise than by a claim.
  std::optional<Tries> tries;
  // The session is in use, whether anything is written or not: it must not
  // expire. (A trim says so, too.)
  bool touch = false;
  // The session goes: its client has everything, and has said goodbye.
  bool finish = false;
  // With `finish`: what Expire leaves is left of it, since a first Open of it
  // may still be under way somewhere, which must not begin it anew.
  bool tombstone = false;

  bool has_results() const { return through >= first; }
};

// One connection to a store, at most one transaction at a time. Belongs to one
// thread. Blocks.
//
// Errors (Execute's that are the handler's fault: see there; its others are
// these, and what the handler makes of them does not matter):
//   ABORTED              the transaction was rolled back and may be tried again
//                        (a deadlock, a serialization failure)
//   UNAVAILABLE          the store cannot be reached, or is not ready; nothing
//                        was committed
//   UNKNOWN              Commit only: its answer is lost. Committed or not.
//   RESOURCE_EXHAUSTED   the disk is full, or a bound of the store is reached;
//                        nothing was committed
//   PERMISSION_DENIED    a read-only file system or account
//   INTERNAL             anything else
// After any of them the transaction is over (rolled back where that can be
// said), and after UNAVAILABLE and UNKNOWN so is the connection: Connect again.
class StoreConnection {
 public:
  virtual ~StoreConnection() = default;

  // Claims sessions, each named once, in one transaction of its own. Of each
  // what came of it, in the same order.
  virtual absl::StatusOr<std::vector<Claimed>> ClaimSessions(
      absl::Span<const Claim> claims) = 0;

  // The parts of a commit, in this order: Begin, what handlers execute with
  // savepoints around them as the caller likes, Write once, Commit.
  virtual absl::Status Begin() = 0;
  // After Begin: waits until no other transaction that has called it is under
  // way, on any connection of any process. For handlers that would deadlock
  // otherwise; where transactions never run at the same time, it does nothing.
  virtual absl::Status Serialize() { return absl::OkStatus(); }
  virtual Transaction* transaction() = 0;
  // Executes what ExecuteLater has put off: an error is one of those
  // statements, as of Execute, and the transaction is as after that. To be
  // called before SetSavepoint and Write, which want nothing put off; within a
  // savepoint nothing is.
  virtual absl::Status ExecutePutOff() { return absl::OkStatus(); }
  // A savepoint, at most one at a time. Rolled back to, it stands; after an
  // error of Execute that is the way on, or Rollback.
  virtual absl::Status SetSavepoint() = 0;
  virtual absl::Status RollbackToSavepoint() = 0;
  virtual absl::Status ReleaseSavepoint() = 0;
  // Locks the sessions' rows in the order of their ids, and writes for those
  // whose epoch is still the claim's. Of each, in the order given, whether so;
  // false: fenced, or gone, and nothing of it was written. Each session once.
  virtual absl::StatusOr<std::vector<bool>> Write(
      absl::Span<const SessionWrite> writes) = 0;
  virtual absl::Status Commit() = 0;
  virtual void Rollback() = 0;

  // Each of these is a transaction of its own, bounded in size: call it again
  // while it returns `limit`.

  // Turns sessions unused for `retention`, by the store's clock, into
  // tombstones, with a new epoch, and drops tombstones unused for
  // `tombstone_retention`. Returns how many of both.
  virtual absl::StatusOr<uint64_t> Expire(absl::Duration retention,
                                          absl::Duration tombstone_retention,
                                          uint64_t limit) = 0;
  // Removes a session as if it had never been. False: there is none.
  virtual absl::StatusOr<bool> Forget(absl::string_view session_id) = 0;
  // What the store takes, in bytes, and how many sessions it has.
  struct Size {
    uint64_t bytes = 0;
    uint64_t sessions = 0;
  };
  virtual absl::StatusOr<Size> MeasureSize() = 0;
};

// Where sessions outlive the process. Thread-safe.
class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // A random name of the store, in hex, another one for each store that is made
  // or restored.
  virtual const std::string& generation() const = 0;
  // For logs: what it is and where, without secrets.
  virtual std::string description() const = 0;
  // How many connections are of use at the same time. At 1 a second one waits
  // for ever.
  virtual int max_connections() const = 0;
  virtual absl::StatusOr<std::unique_ptr<StoreConnection>> Connect() = 0;
  // Connections that wait for a store that does not answer wait no longer:
  // they, and those to come, are over. What was committed stays so.
  virtual void Interrupt() {}
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SESSION_STORE_H_
