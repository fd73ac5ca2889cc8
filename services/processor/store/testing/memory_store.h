#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_MEMORY_STORE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_MEMORY_STORE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/thread_annotations.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// A store's contents, in memory, which outlive the processes that open it: for
// unit tests and simulations. Thread-safe, and usable from one thread: nothing
// waits but a claim or a write for a row that another transaction has locked,
// and that not for longer than `lock_timeout`.
class MemoryDatabase {
 public:
  enum class Call { kConnect, kClaim, kBegin, kExecute, kWrite, kCommit };

  explicit MemoryDatabase(std::string generation = "generation-1")
      : generation_(std::move(generation)) {}

  // The next call of this kind fails like that; several are used up in order.
  // After UNAVAILABLE the connection is gone, as with any store.
  void FailNext(Call call, absl::Status status);
  // The next Commit answers UNKNOWN, though it took effect, or did not.
  void LoseNextCommit(bool takes_effect);

  // The store's clock, by which sessions expire, stands still otherwise.
  void Advance(absl::Duration duration);
  void set_lock_timeout(absl::Duration timeout);

  // What a handler has put there.
  std::map<std::string, std::string> values() const;
  bool HasSession(absl::string_view session_id) const;
  uint64_t committed_through(absl::string_view session_id) const;
  // Rows of results that are kept of it.
  size_t outcomes(absl::string_view session_id) const;
  uint64_t commits() const;

  // A backup, and what is there after it has been restored. Processes that are
  // to notice open the store again.
  struct Backup;
  std::shared_ptr<const Backup> MakeBackup() const;
  void Restore(const Backup& backup, std::string generation);

 private:
  friend class MemoryStore;
  friend class MemoryConnection;

  struct Session {
    SessionRow row;
    absl::Time last_use;
    // By their `first`.
    std::map<uint64_t, Outcome> outcomes;
  };

  absl::Status TakeFault(Call call) MSGPROC_REQUIRES(mutex_);
  // Waits until no other transaction than `by` holds the session's row.
  // ABORTED: that took too long.
  absl::Status AwaitRow(const std::string& session_id, const void* by)
      MSGPROC_REQUIRES(mutex_);
  void Unlock(const void* by) MSGPROC_REQUIRES(mutex_);

  mutable Mutex mutex_;
  CondVar unlocked_;
  std::string generation_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time now_ MSGPROC_GUARDED_BY(mutex_) = absl::UnixEpoch();
  absl::Duration lock_timeout_ MSGPROC_GUARDED_BY(mutex_) = absl::Seconds(5);
  std::map<std::string, Session> sessions_ MSGPROC_GUARDED_BY(mutex_);
  std::map<std::string, std::string> values_ MSGPROC_GUARDED_BY(mutex_);
  // Whose transaction has written a session, until it ends.
  std::map<std::string, const void*> locks_ MSGPROC_GUARDED_BY(mutex_);
  std::map<Call, std::deque<absl::Status>> faults_ MSGPROC_GUARDED_BY(mutex_);
  std::deque<bool> lost_commits_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t commits_ MSGPROC_GUARDED_BY(mutex_) = 0;
};

struct MemoryDatabase::Backup {
  std::map<std::string, Session> sessions;
  std::map<std::string, std::string> values;
};

// A process's view of a MemoryDatabase, which outlives it. Its transactions
// understand
//   "put" {key, value}     "insert" {key, value}: ALREADY_EXISTS if it is there
//   "get" {key}: one row, of one value; none if it is not there
// with keys and values that are text.
class MemoryStore : public SessionStore {
 public:
  MemoryStore(MemoryDatabase* database, std::string owner,
              int max_connections = 4);

  const std::string& generation() const override { return generation_; }
  std::string description() const override { return "memory, for tests"; }
  int max_connections() const override { return max_connections_; }
  absl::StatusOr<std::unique_ptr<StoreConnection>> Connect() override;

 private:
  MemoryDatabase* const database_;
  const std::string owner_;
  const int max_connections_;
  std::string generation_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_MEMORY_STORE_H_
