#include "services/processor/store/store_worker.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

// Of one transaction of housekeeping, so that nobody waits for it long.
constexpr uint64_t kMaxExpired = 1000;
// Conflicts pass by themselves: they are tried again at once, this often.
constexpr int kConflictTries = 8;

absl::Time Now() { return Clock::Monotonic()->Now(); }

}  // namespace

StoreWorker::StoreWorker(SessionStore* store, const std::atomic<bool>* stop,
                         StoreCounters* counters, Contention* contention,
                         Pause pause)
    : store_(store),
      stop_(stop),
      counters_(counters),
      contention_(contention),
      pause_(std::move(pause)) {}

absl::Status StoreWorker::Connect() {
  if (connection_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<StoreConnection>> connection =
      store_->Connect();
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return absl::OkStatus();
}

absl::Status StoreWorker::Note(absl::Status status) {
  // A connection is over with these.
  if (absl::IsUnavailable(status) || absl::IsUnknown(status)) {
    connection_ = nullptr;
  }
  return status;
}

void StoreWorker::CountClaim(const Claimed& claimed) {
  std::atomic<uint64_t>* counter = &counters_->claims_taken;
  if (absl::IsDataLoss(claimed.status)) {
    counter = &counters_->claims_lost;
  } else if (!claimed.status.ok()) {
    counter = &counters_->claims_refused;
  } else if (claimed.created) {
    counter = &counters_->claims_created;
  } else if (claimed.still_ours) {
    counter = &counters_->claims_kept;
  }
  counter->fetch_add(1, std::memory_order_relaxed);
}

absl::StatusOr<std::vector<Claimed>> StoreWorker::Claim(
    const std::vector<processor::Claim>& claims) {
  absl::Status status;
  for (int tries = 0; tries < kConflictTries; ++tries) {
    status = Connect();
    if (!status.ok()) return status;
    absl::StatusOr<std::vector<Claimed>> made =
        connection_->ClaimSessions(claims);
    if (made.ok()) {
      MSGPROC_CHECK_EQ(made->size(), claims.size());
      for (const Claimed& claimed : *made) CountClaim(claimed);
      return made;
    }
    status = Note(made.status());
    if (!absl::IsAborted(status)) return status;
    counters_->Retry(StoreRetry::kConflict);
  }
  return status;
}

absl::Status StoreWorker::Commit(std::vector<GroupMember>* members) {
  MSGPROC_CHECK(!members->empty());
  if (absl::Status status = Connect(); !status.ok()) return status;
  absl::Status status = CommitTogether(members->data(), members->size());
  if (!absl::IsInternal(status)) return status;
  // One of them is to blame; the others must not suffer for it.
  for (GroupMember& member : *members) {
    absl::Status alone = Connect();
    if (alone.ok()) alone = CommitTogether(&member, 1);
    if (absl::IsInternal(alone)) {
      base::LogError("a session cannot be committed and is given up",
                     {{"session", member.part.write.session_id},
                      {"trace_id", member.source->ClaimAnew().trace_id},
                      {"why", alone.message()}});
      member.part.fenced = true;
    } else if (!alone.ok()) {
      return alone;
    }
  }
  return absl::OkStatus();
}

absl::Status StoreWorker::CommitTogether(GroupMember* begin, size_t count) {
  std::vector<GroupPart> parts;
  parts.reserve(count);
  for (size_t i = 0; i < count; ++i) parts.push_back(std::move(begin[i].part));
  absl::Status status;
  for (int tries = 0; tries < kConflictTries; ++tries) {
    status = Note(RunGroup(connection_.get(), stop_, &parts,
                           contention_->Serialize(Now())));
    if (!absl::IsAborted(status)) break;
    contention_->OnConflict(Now());
    counters_->Retry(StoreRetry::kConflict);
  }
  for (size_t i = 0; i < count; ++i) {
    begin[i].part = std::move(parts[i]);
    begin[i].committed =
        status.ok() && !begin[i].part.fenced && !begin[i].part.dropped;
  }
  if (absl::IsUnknown(status)) return Resolve(begin, count);
  return status;
}

absl::Status StoreWorker::Resolve(GroupMember* begin, size_t count) {
  counters_->Retry(StoreRetry::kAmbiguous);
  base::LogWarning(
      "the answer to a commit was lost: claiming its sessions anew",
      {{"sessions", count}});
  std::vector<processor::Claim> claims;
  for (size_t i = 0; i < count; ++i) {
    claims.push_back(begin[i].source->ClaimAnew());
  }
  while (!stop_->load()) {
    const absl::StatusOr<std::vector<Claimed>> made = Claim(claims);
    if (!made.ok()) {
      pause_(made.status());
      continue;
    }
    for (size_t i = 0; i < count; ++i) {
      const Claimed& claimed = (*made)[i];
      GroupMember& member = begin[i];
      member.epoch = claimed.epoch;
      // What a worker has committed is still to be compared.
      member.committed = claimed.status.ok() && !member.part.write.by_worker &&
                         member.part.write.has_results() &&
                         claimed.committed_through >= member.part.write.through;
      // It was finished, or is somebody else's.
      member.part.fenced = !claimed.status.ok();
    }
    return absl::OkStatus();
  }
  return absl::CancelledError("The server stops.");
}

absl::Status StoreWorker::KeepHouse(absl::Duration session_retention,
                                    absl::Duration tombstone_retention) {
  if (absl::Status status = Connect(); !status.ok()) return status;
  uint64_t expired = kMaxExpired;
  while (expired == kMaxExpired && !stop_->load()) {
    const absl::StatusOr<uint64_t> some = connection_->Expire(
        session_retention, tombstone_retention, kMaxExpired);
    if (!some.ok()) return Note(some.status());
    expired = *some;
    counters_->expired.fetch_add(expired, std::memory_order_relaxed);
  }
  const absl::StatusOr<StoreConnection::Size> size = connection_->MeasureSize();
  if (!size.ok()) return Note(size.status());
  counters_->bytes.store(size->bytes, std::memory_order_relaxed);
  counters_->sessions.store(size->sessions, std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace msgproc::processor
