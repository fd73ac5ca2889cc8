#include "tests/simulation/store.h"

#include <cstddef>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/check.h"
#include "tests/simulation/client.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {

using processor::Claim;
using processor::Claimed;
using processor::MemoryDatabase;
using processor::SessionWrite;

namespace {

// After which the store rolls a transaction back whose process is silent.
constexpr absl::Duration kIdleInTransaction = absl::Seconds(5);

}  // namespace

// One connection of a processor's.
class StoreConnection final : public processor::StoreConnection,
                              private processor::Transaction {
 public:
  StoreConnection(Store* store,
                  std::unique_ptr<processor::StoreConnection> inner,
                  Store::Wait wait)
      : store_(*store),
        remote_(std::make_shared<Remote>()),
        wait_(std::move(wait)) {
    remote_->connection = std::move(inner);
    remote_->losses = store->losses_;
  }
  ~StoreConnection() override {
    if (!remote_->in_transaction) return;
    // The store hears of it late, or not at all.
    store_.world_->loop.After(
        store_.random_.OneIn(2) ? store_.world_->network.Latency()
                                : kIdleInTransaction,
        [remote = remote_] { remote->connection->Rollback(); });
  }

  absl::StatusOr<std::vector<Claimed>> ClaimSessions(
      absl::Span<const Claim> claims) override {
    if (absl::Status status = Reach(MemoryDatabase::Call::kClaim);
        !status.ok()) {
      return status;
    }
    auto claimed = remote_->connection->ClaimSessions(claims);
    for (size_t i = 0; claimed.ok() && i < claims.size(); ++i) {
      if (!(*claimed)[i].created) continue;
      store_.world_->checker.OnCreated(Client::NumberOf(claims[i].session_id));
    }
    if (!Answered()) return absl::UnavailableError("the process is dead");
    return claimed;
  }
  absl::Status Begin() override {
    if (absl::Status status = Reach(MemoryDatabase::Call::kBegin);
        !status.ok()) {
      return status;
    }
    absl::Status begun = remote_->connection->Begin();
    if (begun.ok()) BeginTransaction();
    return begun;
  }
  processor::Transaction* transaction() override { return this; }
  absl::Status SetSavepoint() override {
    return Lost() ? Gone() : remote_->connection->SetSavepoint();
  }
  absl::Status RollbackToSavepoint() override {
    return Lost() ? Gone() : remote_->connection->RollbackToSavepoint();
  }
  absl::Status ReleaseSavepoint() override {
    return Lost() ? Gone() : remote_->connection->ReleaseSavepoint();
  }
  absl::StatusOr<std::vector<bool>> Write(
      absl::Span<const SessionWrite> writes) override {
    if (absl::Status status = Reach(MemoryDatabase::Call::kWrite);
        !status.ok()) {
      return status;
    }
    auto held = remote_->connection->Write(writes);
    written_.clear();
    for (const SessionWrite& write : writes) {
      if (write.has_results()) written_.push_back(write.session_id);
    }
    if (!Answered()) return Gone();
    if (!held.ok()) remote_->in_transaction = false;
    return held;
  }
  absl::Status Commit() override {
    absl::Status status = Reach(MemoryDatabase::Call::kCommit);
    if (!status.ok()) return status;
    if (store_.TakeTrouble()) {
      const bool takes_effect = store_.random_.OneIn(2);
      store_.world_->story.Tell("the store", takes_effect
                                                 ? "commits, and nobody hears"
                                                 : "loses a commit");
      store_.database_.LoseNextCommit(takes_effect);
    }
    status = remote_->connection->Commit();
    remote_->in_transaction = false;
    for (const std::string& session : written_) {
      store_.world_->checker.OnCommitted(
          Client::NumberOf(session),
          store_.database_.committed_through(session));
      store_.Measure(session);
    }
    if (!Answered()) return absl::UnknownError("the process is dead");
    return status;
  }
  void Rollback() override {
    if (!Lost()) remote_->connection->Rollback();
    remote_->in_transaction = false;
  }
  absl::StatusOr<uint64_t> Expire(absl::Duration retention,
                                  absl::Duration tombstone_retention,
                                  uint64_t limit) override {
    if (!Answered() || Lost()) return Gone();
    return remote_->connection->Expire(retention, tombstone_retention, limit);
  }
  absl::StatusOr<bool> Forget(absl::string_view session_id) override {
    return remote_->connection->Forget(session_id);
  }
  absl::StatusOr<Size> MeasureSize() override {
    return remote_->connection->MeasureSize();
  }

 private:
  // The store's end, which may outlive ours.
  struct Remote {
    std::unique_ptr<processor::StoreConnection> connection;
    bool in_transaction = false;
    // For want of a word from us: the connection is gone with it.
    bool rolled_back = false;
    uint64_t heard = 0;
    uint64_t losses = 0;  // Of the store, before.
  };

  absl::StatusOr<std::vector<processor::SqlRow>> Execute(
      absl::string_view sql,
      absl::Span<const processor::SqlValue> parameters) override {
    if (absl::Status status = Reach(MemoryDatabase::Call::kExecute);
        !status.ok()) {
      return status;
    }
    return remote_->connection->transaction()->Execute(sql, parameters);
  }
  void* native() override { return nullptr; }

  // The store rolled the transaction back, since nothing came; or it was lost.
  bool Lost() const {
    return remote_->rolled_back || remote_->losses != store_.losses_;
  }
  absl::Status Gone() {
    remote_->in_transaction = false;
    return absl::UnavailableError("the connection was lost");
  }
  // A message of ours has arrived there, or that is what goes wrong.
  absl::Status Reach(MemoryDatabase::Call call) {
    if (!wait_(store_.world_->network.Latency()) || Lost()) return Gone();
    if (remote_->in_transaction) ExpectMore();
    if (call != MemoryDatabase::Call::kCommit && store_.TakeTrouble()) {
      store_.database_.FailNext(call, AnyError());
    }
    return absl::OkStatus();
  }
  bool Answered() { return wait_(store_.world_->network.Latency()); }
  absl::Status AnyError() {
    switch (store_.random_.Below(3)) {
      case 0:
        return absl::UnavailableError("the connection was lost");
      case 1:
        return absl::AbortedError("a deadlock");
      default:
        return absl::ResourceExhaustedError("the disk is full");
    }
  }

  void BeginTransaction() {
    remote_->in_transaction = true;
    ExpectMore();
  }
  void ExpectMore() {
    store_.world_->loop.After(
        kIdleInTransaction, [remote = remote_, heard = ++remote_->heard] {
          if (remote->heard != heard || !remote->in_transaction) return;
          remote->connection->Rollback();
          remote->rolled_back = true;
        });
  }

  Store& store_;
  const std::shared_ptr<Remote> remote_;
  const Store::Wait wait_;
  std::vector<std::string> written_;
};

namespace {

class OpenedStore final : public processor::SessionStore {
 public:
  OpenedStore(std::unique_ptr<processor::MemoryStore> inner,
              std::function<std::unique_ptr<processor::StoreConnection>(
                  std::unique_ptr<processor::StoreConnection>)>
                  wrap)
      : inner_(std::move(inner)), wrap_(std::move(wrap)) {}

  const std::string& generation() const override {
    return inner_->generation();
  }
  std::string description() const override { return "simulated"; }
  int max_connections() const override { return 3; }
  absl::StatusOr<std::unique_ptr<processor::StoreConnection>> Connect()
      override {
    auto connection = inner_->Connect();
    if (!connection.ok()) return connection.status();
    return wrap_(*std::move(connection));
  }

 private:
  const std::unique_ptr<processor::MemoryStore> inner_;
  const std::function<std::unique_ptr<processor::StoreConnection>(
      std::unique_ptr<processor::StoreConnection>)>
      wrap_;
};

}  // namespace

Store::Store(World* world) : world_(world), random_(world->random.Fork()) {
  // Whoever meets a lock is told so, and comes again.
  database_.set_lock_timeout(absl::ZeroDuration());
  backup_ = database_.MakeBackup();
  if (world->conditions.retention != absl::InfiniteDuration()) Tick();
}

// Its clock, by which sessions expire.
void Store::Tick() {
  static constexpr absl::Duration kTick = absl::Milliseconds(100);
  world_->loop.After(kTick, [this] {
    database_.Advance(kTick);
    Tick();
  });
}

void Store::StepClock(absl::Duration by) {
  world_->story.Tell("the store's clock", "is set by ",
                     absl::FormatDuration(by));
  database_.Advance(by);
  world_->checker.OnClockStep(by);
}

void Store::MakeBackup() {
  world_->story.Tell("the store", "is backed up");
  backup_ = database_.MakeBackup();
}

void Store::Lose(bool emptied, bool anew) {
  world_->story.Tell("the store", emptied ? "is emptied" : "is set back",
                     anew ? ", and made anew" : "");
  ++losses_;
  if (anew) ++generation_;
  if (emptied) backup_ = std::make_shared<MemoryDatabase::Backup>();
  const std::string generation = absl::StrCat("generation-", generation_);
  database_.Restore(*backup_, generation);
  std::map<int, uint64_t> committed;
  for (const auto& [id, session] : backup_->sessions) {
    committed[Client::NumberOf(id)] = session.row.committed_through;
  }
  world_->checker.OnStoreLost(generation, committed);
}

void Store::Trouble() {
  if (trouble_ < 3) ++trouble_;
}

void Store::Measure(const std::string& session) {
  world_->fleet_checker.OnKept(session, database_.outcomes(session));
}

bool Store::TakeTrouble() {
  if (trouble_ == 0 || !random_.OneIn(4)) return false;
  --trouble_;
  return true;
}

std::map<std::pair<int, uint64_t>, int> Store::Effects() const {
  std::map<std::pair<int, uint64_t>, int> effects;
  // "session/sequence/call".
  for (const auto& [key, value] : database_.values()) {
    const std::vector<std::string> parts = absl::StrSplit(key, '/');
    uint64_t sequence = 0;
    MSGPROC_CHECK(parts.size() == 3 && absl::SimpleAtoi(parts[1], &sequence));
    ++effects[{Client::NumberOf(parts[0]), sequence}];
  }
  return effects;
}

std::unique_ptr<processor::SessionStore> Store::Open(const std::string& owner,
                                                     Wait wait) {
  return std::make_unique<OpenedStore>(
      std::make_unique<processor::MemoryStore>(&database_, owner),
      [this, wait = std::move(wait)](
          std::unique_ptr<processor::StoreConnection> inner) {
        return std::make_unique<StoreConnection>(this, std::move(inner), wait);
      });
}

}  // namespace msgproc::simulation
