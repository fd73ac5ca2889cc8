#include "services/processor/store/testing/memory_store.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/check.h"
#include "services/processor/store/check_write.h"
#include "services/processor/store/transaction_phase.h"

namespace msgproc::processor {
namespace {

using Values = std::map<std::string, std::string>;

// What a transaction has put, over what the database has.
struct Effects {
  Values put;

  std::optional<std::string> Get(const Values& database,
                                 const std::string& key) const {
    if (const auto it = put.find(key); it != put.end()) return it->second;
    if (const auto it = database.find(key); it != database.end()) {
      return it->second;
    }
    return std::nullopt;
  }
};

absl::StatusOr<std::vector<SqlRow>> ExecuteOn(
    const Values& database, absl::string_view sql,
    absl::Span<const SqlValue> parameters, Effects* effects) {
  std::vector<std::string> texts;
  for (const SqlValue& parameter : parameters) {
    const auto* text = std::get_if<std::string>(&parameter);
    if (text == nullptr) {
      return absl::InvalidArgumentError("keys and values are text");
    }
    texts.push_back(*text);
  }
  const bool insert = sql == "insert";
  if ((insert || sql == "put") && texts.size() == 2) {
    if (insert && effects->Get(database, texts[0]).has_value()) {
      return absl::AlreadyExistsError(
          absl::StrCat("the key '", texts[0], "' is there already"));
    }
    effects->put[texts[0]] = texts[1];
    return std::vector<SqlRow>();
  }
  if (sql == "get" && texts.size() == 1) {
    std::vector<SqlRow> rows;
    if (const auto value = effects->Get(database, texts[0])) {
      rows.push_back({*value});
    }
    return rows;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the memory store does not understand '", sql, "' with ",
                   texts.size(), " parameters"));
}

}  // namespace

// The database's mutex is held for the length of a call, and not between them.
class MemoryConnection : public StoreConnection, private Transaction {
 public:
  MemoryConnection(MemoryDatabase* database, std::string owner)
      : database_(*database), owner_(std::move(owner)) {}
  ~MemoryConnection() override { Rollback(); }

  absl::StatusOr<std::vector<Claimed>> ClaimSessions(
      absl::Span<const Claim> claims) override {
    MSGPROC_CHECK(phase_.none());
    const MutexLock lock(&database_.mutex_);
    if (absl::Status status = TakeFault(MemoryDatabase::Call::kClaim);
        !status.ok()) {
      return status;
    }
    for (const Claim& claim : claims) {
      absl::Status status = database_.AwaitRow(claim.session_id, this);
      if (!status.ok()) return status;
    }
    std::vector<Claimed> all;
    for (const Claim& claim : claims) all.push_back(ClaimOne(claim));
    return all;
  }

  absl::Status Begin() override {
    const MutexLock lock(&database_.mutex_);
    if (absl::Status status = TakeFault(MemoryDatabase::Call::kBegin);
        !status.ok()) {
      return status;
    }
    phase_.Begin();
    return absl::OkStatus();
  }

  Transaction* transaction() override { return this; }

  absl::Status SetSavepoint() override {
    phase_.SetSavepoint();
    savepoint_ = effects_;
    return absl::OkStatus();
  }
  absl::Status RollbackToSavepoint() override {
    phase_.RollbackToSavepoint();
    effects_ = savepoint_;
    return absl::OkStatus();
  }
  absl::Status ReleaseSavepoint() override {
    phase_.ReleaseSavepoint();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<bool>> Write(
      absl::Span<const SessionWrite> writes) override {
    phase_.Write();
    const MutexLock lock(&database_.mutex_);
    absl::Status status = TakeFault(MemoryDatabase::Call::kWrite);
    std::vector<bool> written;
    for (size_t i = 0; i < writes.size() && status.ok(); ++i) {
      const SessionWrite& write = writes[i];
      status = database_.AwaitRow(write.session_id, this);
      if (!status.ok()) break;
      const auto it = database_.sessions_.find(write.session_id);
      written.push_back(it != database_.sessions_.end() &&
                        it->second.row.epoch == write.epoch &&
                        it->second.row.owner == owner_);
      if (!written.back()) continue;
      database_.locks_[write.session_id] = this;
      status = CheckWrite(write, it->second.row.committed_through);
      writes_.push_back(write);
    }
    if (!status.ok()) {
      RollbackLocked();
      return status;
    }
    return written;
  }

  absl::Status Commit() override {
    phase_.Commit();
    const MutexLock lock(&database_.mutex_);
    absl::Status status = TakeFault(MemoryDatabase::Call::kCommit);
    bool takes_effect = status.ok();
    if (status.ok() && !database_.lost_commits_.empty()) {
      takes_effect = database_.lost_commits_.front();
      database_.lost_commits_.pop_front();
      broken_ = true;
      status = absl::UnknownError("the answer to COMMIT was lost");
    }
    if (takes_effect) {
      for (const SessionWrite& write : writes_) Apply(write);
      for (auto& [key, value] : effects_.put) database_.values_[key] = value;
      ++database_.commits_;
    }
    RollbackLocked();
    return status;
  }

  void Rollback() override {
    const MutexLock lock(&database_.mutex_);
    RollbackLocked();
  }

  absl::StatusOr<uint64_t> Expire(absl::Duration retention,
                                  absl::Duration tombstone_retention,
                                  uint64_t limit) override {
    MSGPROC_CHECK(phase_.none());
    const MutexLock lock(&database_.mutex_);
    const absl::Time now = database_.now_;
    uint64_t done = 0;
    auto& sessions = database_.sessions_;
    for (auto it = sessions.begin(); it != sessions.end() && done < limit;) {
      MemoryDatabase::Session& session = it->second;
      const absl::Duration unused = now - session.last_use;
      const bool locked = database_.locks_.contains(it->first);
      if (session.row.expired && unused >= tombstone_retention && !locked) {
        it = sessions.erase(it);
        ++done;
        continue;
      }
      if (!session.row.expired && unused >= retention && !locked) {
        Expire(&session);
        ++done;
      }
      ++it;
    }
    return done;
  }

  absl::StatusOr<bool> Forget(absl::string_view session_id) override {
    MSGPROC_CHECK(phase_.none());
    const MutexLock lock(&database_.mutex_);
    const std::string id(session_id);
    absl::Status status = database_.AwaitRow(id, this);
    if (!status.ok()) return status;
    return database_.sessions_.erase(id) != 0;
  }

  absl::StatusOr<Size> MeasureSize() override {
    const MutexLock lock(&database_.mutex_);
    Size size;
    for (const auto& [id, session] : database_.sessions_) {
      size.bytes += id.size() + sizeof(session);
      for (const auto& [first, outcome] : session.outcomes) {
        size.bytes += outcome.results.size();
      }
    }
    size.sessions = database_.sessions_.size();
    return size;
  }

 private:
  absl::StatusOr<std::vector<SqlRow>> Execute(
      absl::string_view sql, absl::Span<const SqlValue> parameters) override {
    if (absl::Status status = phase_.CheckExecute(); !status.ok()) {
      return status;
    }
    const MutexLock lock(&database_.mutex_);
    if (absl::Status status =
            database_.TakeFault(MemoryDatabase::Call::kExecute);
        !status.ok()) {
      phase_.ExecuteFailed();
      return status;
    }
    auto rows = ExecuteOn(database_.values_, sql, parameters, &effects_);
    if (!rows.ok()) phase_.ExecuteFailed();
    return rows;
  }
  void* native() override { return nullptr; }

  absl::Status TakeFault(MemoryDatabase::Call call)
      MSGPROC_REQUIRES(database_.mutex_) {
    if (broken_) return absl::UnavailableError("the connection was lost");
    absl::Status status = database_.TakeFault(call);
    broken_ = absl::IsUnavailable(status) || absl::IsUnknown(status);
    return status;
  }

  void Expire(MemoryDatabase::Session* session)
      MSGPROC_REQUIRES(database_.mutex_) {
    session->row.expired = true;
    session->row.owner.clear();
    session->row.trimmed_through = session->row.committed_through;
    ++session->row.epoch;
    session->outcomes.clear();
    session->last_use = database_.now_;
  }

  Claimed ClaimOne(const Claim& claim) MSGPROC_REQUIRES(database_.mutex_) {
    auto& sessions = database_.sessions_;
    const auto it = sessions.find(claim.session_id);
    Claimed claimed =
        JudgeClaim(claim, it == sessions.end() ? nullptr : &it->second.row,
                   owner_, database_.generation_);
    if (!claimed.status.ok()) return claimed;
    MemoryDatabase::Session& session = sessions[claim.session_id];
    if (claimed.created) {
      session.row.token_sha256 = claim.token_sha256;
      session.row.principal = claim.principal;
      session.row.handler = claim.handler;
    }
    session.row.epoch = claimed.epoch;
    session.row.owner = owner_;
    session.row.instance = claim.instance;
    session.row.attempt = claim.attempt;
    session.row.tries = claimed.tries;
    session.last_use = database_.now_;
    if (claimed.still_ours) return claimed;
    for (const auto& [first, outcome] : session.outcomes) {
      if (outcome.through > claim.received_through) {
        claimed.outcomes.push_back(outcome);
      }
    }
    return claimed;
  }

  void Apply(const SessionWrite& write) MSGPROC_REQUIRES(database_.mutex_) {
    const auto it = database_.sessions_.find(write.session_id);
    MSGPROC_CHECK(it != database_.sessions_.end());
    if (write.finish && write.tombstone) {
      Expire(&database_.sessions_.at(write.session_id));
      return;
    }
    if (write.finish) {
      database_.sessions_.erase(it);
      return;
    }
    MemoryDatabase::Session& session = it->second;
    if (write.has_results()) {
      session.outcomes[write.first] = {write.first, write.through,
                                       write.results};
      session.row.committed_through = write.through;
    }
    if (write.tries) session.row.tries = *write.tries;
    if (write.trim_through == 0 && !write.touch) return;
    session.last_use = database_.now_;
    uint64_t& trimmed = session.row.trimmed_through;
    trimmed = std::max(trimmed, write.trim_through);
    std::erase_if(session.outcomes, [trimmed](const auto& outcome) {
      return outcome.second.through <= trimmed;
    });
  }

  void RollbackLocked() MSGPROC_REQUIRES(database_.mutex_) {
    phase_.End();
    effects_ = {};
    writes_.clear();
    database_.Unlock(this);
  }

  MemoryDatabase& database_;
  const std::string owner_;
  TransactionPhase phase_;
  Effects effects_;
  Effects savepoint_;
  std::vector<SessionWrite> writes_;
  bool broken_ = false;
};

void MemoryDatabase::FailNext(Call call, absl::Status status) {
  MSGPROC_CHECK(!status.ok());
  const MutexLock lock(&mutex_);
  faults_[call].push_back(std::move(status));
}

void MemoryDatabase::LoseNextCommit(bool takes_effect) {
  const MutexLock lock(&mutex_);
  lost_commits_.push_back(takes_effect);
}

void MemoryDatabase::Advance(absl::Duration duration) {
  const MutexLock lock(&mutex_);
  now_ += duration;
}

void MemoryDatabase::set_lock_timeout(absl::Duration timeout) {
  const MutexLock lock(&mutex_);
  lock_timeout_ = timeout;
}

std::map<std::string, std::string> MemoryDatabase::values() const {
  const MutexLock lock(&mutex_);
  return values_;
}

size_t MemoryDatabase::outcomes(absl::string_view session_id) const {
  const MutexLock lock(&mutex_);
  const auto found = sessions_.find(std::string(session_id));
  return found == sessions_.end() ? 0 : found->second.outcomes.size();
}

bool MemoryDatabase::HasSession(absl::string_view session_id) const {
  const MutexLock lock(&mutex_);
  return sessions_.contains(std::string(session_id));
}

uint64_t MemoryDatabase::committed_through(absl::string_view session_id) const {
  const MutexLock lock(&mutex_);
  const auto it = sessions_.find(std::string(session_id));
  return it == sessions_.end() ? 0 : it->second.row.committed_through;
}

uint64_t MemoryDatabase::commits() const {
  const MutexLock lock(&mutex_);
  return commits_;
}

std::shared_ptr<const MemoryDatabase::Backup> MemoryDatabase::MakeBackup()
    const {
  const MutexLock lock(&mutex_);
  return std::make_shared<const Backup>(Backup{sessions_, values_});
}

void MemoryDatabase::Restore(const Backup& backup, std::string generation) {
  const MutexLock lock(&mutex_);
  sessions_ = backup.sessions;
  values_ = backup.values;
  generation_ = std::move(generation);
}

absl::Status MemoryDatabase::TakeFault(Call call) {
  std::deque<absl::Status>& faults = faults_[call];
  if (faults.empty()) return absl::OkStatus();
  absl::Status status = std::move(faults.front());
  faults.pop_front();
  return status;
}

absl::Status MemoryDatabase::AwaitRow(const std::string& session_id,
                                      const void* by) {
  bool in_time = true;
  while (true) {
    const auto it = locks_.find(session_id);
    if (it == locks_.end() || it->second == by) return absl::OkStatus();
    if (!in_time) {
      return absl::AbortedError(absl::StrCat(
          "session '", session_id, "' is locked by another transaction"));
    }
    in_time = unlocked_.WaitFor(&mutex_, lock_timeout_);
  }
}

void MemoryDatabase::Unlock(const void* by) {
  std::erase_if(locks_, [by](const auto& lock) { return lock.second == by; });
  unlocked_.SignalAll();
}

MemoryStore::MemoryStore(MemoryDatabase* database, std::string owner,
                         int max_connections)
    : database_(database),
      owner_(std::move(owner)),
      max_connections_(max_connections) {
  const MutexLock lock(&database->mutex_);
  generation_ = database->generation_;
}

absl::StatusOr<std::unique_ptr<StoreConnection>> MemoryStore::Connect() {
  const MutexLock lock(&database_->mutex_);
  absl::Status status = database_->TakeFault(MemoryDatabase::Call::kConnect);
  if (!status.ok()) return status;
  return std::make_unique<MemoryConnection>(database_, owner_);
}

}  // namespace msgproc::processor
