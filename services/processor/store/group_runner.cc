#include "services/processor/store/group_runner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/store/failed_results.h"
#include "wire/entry_log.h"
#include "wire/pieces.h"

namespace msgproc::processor {
namespace {

// An error of Execute that the statement is to blame for.
bool IsStatements(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

// The transaction as the handlers of one part see it: notes what they do, and
// puts savepoints where they are wanted and needed.
class PartScope final : public MessageScope, public Transaction {
 public:
  PartScope(StoreConnection* store, bool careful)
      : store_(store), careful_(careful) {}

  // MessageScope:
  Transaction* transaction() override { return this; }
  void Begin() override {
    executed_ = false;
    statement_ = absl::OkStatus();
  }
  bool End(absl::Status* status) override {
    if (!store_status_.ok()) return false;
    if (!statement_.ok()) *status = statement_;
    if (status->ok()) return !savepoint_ || Done(store_->ReleaseSavepoint());
    if (!executed_) return true;  // There is nothing to undo.
    if (!savepoint_) {
      failed_ = true;
      return false;
    }
    return Done(store_->RollbackToSavepoint()) &&
           Done(store_->ReleaseSavepoint());
  }

  // Which message's statement failed of those that were put off shows when each
  // is executed at once.
  bool EndBatch() override {
    if (!store_status_.ok()) return false;
    // The last message's own was dealt with.
    statement_ = absl::OkStatus();
    Note(store_->ExecutePutOff());
    failed_ = failed_ || !statement_.ok();
    return statement_.ok() && store_status_.ok();
  }

  // Transaction:
  absl::StatusOr<std::vector<SqlRow>> Execute(
      absl::string_view sql, absl::Span<const SqlValue> parameters) override {
    absl::Status status = BeginToExecute();
    if (!status.ok()) return status;
    auto rows = store_->transaction()->Execute(sql, parameters);
    Note(rows.status());
    return rows;
  }
  absl::Status ExecuteLater(absl::string_view sql,
                            absl::Span<const SqlValue> parameters) override {
    absl::Status status = BeginToExecute();
    if (!status.ok()) return status;
    status = store_->transaction()->ExecuteLater(sql, parameters);
    Note(status);
    return status;
  }
  void* native() override {
    BeginToExecute().IgnoreError();
    return store_->transaction()->native();
  }

  // A message failed that had done something: it takes savepoints.
  bool failed() const { return failed_; }
  const absl::Status& store_status() const { return store_status_; }

 private:
  absl::Status BeginToExecute() {
    executed_ = true;
    if (!store_status_.ok()) return store_status_;
    if (!statement_.ok()) return statement_;
    if (!careful_ || savepoint_) return absl::OkStatus();
    store_status_ = store_->SetSavepoint();
    savepoint_ = store_status_.ok();
    return store_status_;
  }
  void Note(const absl::Status& status) {
    if (status.ok()) return;
    (IsStatements(status) ? statement_ : store_status_) = status;
  }
  bool Done(absl::Status status) {
    savepoint_ = false;
    store_status_ = std::move(status);
    return store_status_.ok();
  }

  StoreConnection* const store_;
  const bool careful_;
  // Of the message.
  bool executed_ = false;
  bool savepoint_ = false;
  absl::Status statement_;
  // Of the part.
  bool failed_ = false;
  absl::Status store_status_;
};

// A message's statements, up to the first that fails; says which that is.
absl::Status ExecuteAll(const MessageEffects& effects, Transaction* store) {
  size_t number = 0;
  for (const Statement& statement : effects.statements) {
    ++number;
    const absl::Status status =
        store->ExecuteLater(statement.sql, statement.parameters);
    if (status.ok()) continue;
    return absl::Status(
        status.code(),
        absl::StrCat("Statement ", number,
                     " of the message's worker failed: ", status.message()));
  }
  return absl::OkStatus();
}

void TakeResults(Batch* work, SessionWrite* write) {
  write->first = work->first_position;
  write->through = work->first_position + work->size - 1;
  write->results.clear();
  std::vector<wire::Piece> pieces;
  auto cursor = work->results.At(work->results.first_position());
  work->results.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  wire::AppendPieces(pieces, &write->results);
}

// One transaction.
class Attempt {
 public:
  Attempt(StoreConnection* store, const std::atomic<bool>* stop,
          std::vector<GroupPart>* parts, bool serialize)
      : store_(store), stop_(stop), parts_(*parts), serialize_(serialize) {}

  // Whether to try again, with what it has learned about the parts.
  bool again() const { return again_; }

  absl::Status Run() {
    if (NothingLeft()) return absl::OkStatus();
    absl::Status status = store_->Begin();
    if (status.ok() && serialize_ && HasWork()) status = store_->Serialize();
    if (!status.ok()) return status;
    for (GroupPart& part : parts_) {
      if (part.fenced || part.dropped) continue;
      status = part.work != nullptr ? RunWork(&part) : RunEffects(&part);
      if (!status.ok() || again_) return status;
    }
    status = Write();
    if (!status.ok() || again_) return status;
    return store_->Commit();
  }

 private:
  bool NothingLeft() const {
    return std::all_of(parts_.begin(), parts_.end(), [](const GroupPart& part) {
      return part.fenced || part.dropped;
    });
  }
  bool HasWork() const {
    return std::any_of(parts_.begin(), parts_.end(), DoesMore);
  }
  // Than to write results.
  static bool DoesMore(const GroupPart& part) {
    return part.work != nullptr || !part.write.effects.empty();
  }
  bool Stops() const {
    return stop_ != nullptr && stop_->load(std::memory_order_relaxed);
  }
  absl::Status Stop() {
    store_->Rollback();
    return absl::CancelledError("The server stops.");
  }
  void Again() {
    again_ = true;
    store_->Rollback();
  }

  absl::Status RunWork(GroupPart* part) {
    Batch* const work = part->work.get();
    work->ClearResults();
    work->ParsePieces();
    MSGPROC_CHECK_EQ(work->messages.size(), work->size);
    PartScope scope(store_, part->careful);
    if (RunHandler(work, stop_, &scope)) {
      TakeResults(work, &part->write);
      return absl::OkStatus();
    }
    if (!scope.failed() && scope.store_status().ok()) {
      if (Stops()) return Stop();
      part->dropped = true;
      Again();
      return absl::OkStatus();
    }
    return GiveUp(scope, part);
  }

  absl::Status RunEffects(GroupPart* part) {
    SessionWrite& write = part->write;
    if (std::exchange(write.amended, false)) {
      write.results = std::move(part->given_results);
    }
    PartScope scope(store_, part->careful);
    Failures failures;
    for (const SharedEffects& effects : write.effects) {
      if (Stops()) return Stop();
      scope.Begin();
      const absl::Status status = ExecuteAll(*effects, &scope);
      absl::Status judged = status;
      if (!scope.End(&judged)) return GiveUp(scope, part);
      if (!status.ok()) failures[effects->sequence] = status;
    }
    if (!scope.EndBatch()) return GiveUp(scope, part);
    if (failures.empty()) return absl::OkStatus();
    part->given_results = std::move(write.results);
    write.results = WithFailures(part->given_results, failures);
    write.amended = true;
    return absl::OkStatus();
  }

  // A message of the part has undone the whole transaction.
  absl::Status GiveUp(const PartScope& scope, GroupPart* part) {
    if (!scope.store_status().ok()) {
      // The connection is told, too, where it does not know.
      store_->Rollback();
      return scope.store_status();
    }
    MSGPROC_CHECK(scope.failed());
    BeCareful(part);
    Again();
    return absl::OkStatus();
  }

  void BeCareful(GroupPart* part) {
    bool first = true;
    for (const GroupPart& other : parts_) first = first && !other.careful;
    part->careful = true;
    if (first) return;
    for (GroupPart& other : parts_) other.careful = true;
  }

  absl::Status Write() {
    std::vector<SessionWrite> writes;
    std::vector<GroupPart*> written;
    for (GroupPart& part : parts_) {
      if (part.fenced || part.dropped) continue;
      writes.push_back(std::move(part.write));
      written.push_back(&part);
    }
    absl::StatusOr<std::vector<bool>> held = std::vector<bool>();
    if (!writes.empty()) held = store_->Write(writes);
    for (size_t i = 0; i < writes.size(); ++i) {
      written[i]->write = std::move(writes[i]);
    }
    if (!held.ok()) return held.status();
    MSGPROC_CHECK_EQ(held->size(), writes.size());
    bool undo = false;
    for (size_t i = 0; i < writes.size(); ++i) {
      if ((*held)[i]) continue;
      written[i]->fenced = true;
      undo = undo || DoesMore(*written[i]);
    }
    if (undo) Again();
    return absl::OkStatus();
  }

  StoreConnection* const store_;
  const std::atomic<bool>* const stop_;
  std::vector<GroupPart>& parts_;
  const bool serialize_;
  bool again_ = false;
};

}  // namespace

absl::Status RunGroup(StoreConnection* store, const std::atomic<bool>* stop,
                      std::vector<GroupPart>* parts, bool serialize) {
  MSGPROC_CHECK(!parts->empty());
  while (true) {
    Attempt attempt(store, stop, parts, serialize);
    absl::Status status = attempt.Run();
    if (!status.ok() || !attempt.again()) return status;
  }
}

}  // namespace msgproc::processor
