#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_HOSTED_SESSION_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_HOSTED_SESSION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "services/base/identity/principal.h"
#include "services/processor/executors/batch.h"
#include "services/processor/executors/executor.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/session/attached_stream.h"
#include "services/processor/session/live_trace.h"
#include "services/processor/session/memory_budget.h"
#include "services/processor/session/principal_quota.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/session/quota_share.h"
#include "services/processor/session/session.h"
#include "services/processor/session/session_batches.h"
#include "services/processor/session/session_commits.h"
#include "services/processor/session/session_facts.h"
#include "services/processor/session/session_recorder.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/commit_source.h"
#include "services/processor/store/group_commit.h"
#include "services/processor/store/session_store.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::processor {

class SessionCommitter;

// A Session with what makes it live: a lock, the executor of its handler, and
// the stream that is attached to it, if any.
//
// Shared by the stream, the SessionTable (opened ones) and the batches that are
// out, so it lives as long as any of them. Thread-safe. Executors and the
// attachment are called without the lock held.
class HostedSession final : public BatchOwner,
                            public CommitSource,
                            public QuotaWaiter,
                            public std::enable_shared_from_this<HostedSession> {
 public:
  struct Identity {
    std::string id;     // Empty: anonymous.
    std::string token;  // Empty: anonymous.
    std::string client_name;
    // Whose it is.
    base::Principal principal;
  };

  // A session that is kept in a store: the claim that was made of it, what came
  // of that, and what the store has that the client lacks. They outlive the
  // constructor, and `committer` the session.
  struct Stored {
    SessionCommitter* committer = nullptr;
    const Claim* claim = nullptr;
    const Claimed* claimed = nullptr;
    wire::EntryLog* results = nullptr;
  };

  // What a session takes that holds nothing, as measured.
  static constexpr size_t kBytes = 4352;

  // `memory`, which may be null, is told what it holds. Without `stored` the
  // session lives as long as this process.
  HostedSession(Identity identity, HandlerBinding* binding,
                const SessionLimits& limits, ProcessorCounters* counters,
                const Clock* clock, MemoryBudget* memory = nullptr,
                const Stored* stored = nullptr);
  ~HostedSession() override;

  const Identity& identity() const { return identity_; }
  bool anonymous() const { return identity_.id.empty(); }
  // Which of the process's sessions it is; no other gets it.
  uint64_t number() const { return number_; }
  // Whether it is kept in a store.
  bool stored() const { return committer_ != nullptr; }
  const HandlerBinding& binding() const { return *binding_; }

  struct Attached {
    Session::Opening opening;
    uint64_t accepted_through = 0;
    // The stream that had the session, to be told OnTakenOver.
    std::shared_ptr<AttachedStream> before;
  };

  // To be asked before Attach: whether the principal may have one more session,
  // if this one does not count yet, and one more stream, if this has none.
  // RESOURCE_EXHAUSTED. `quota` holds from here on; null: there is none.
  absl::Status TakeQuota(std::shared_ptr<PrincipalQuota> quota);
  // What holds from here on for what is there already.
  void SetQuota(std::shared_ptr<PrincipalQuota> quota) {
    MutexLock lock(&mutex_);
    quota_.Set(std::move(quota));
  }

  // Attaches a stream; the one attached before is ignored from now on. Handlers
  // are told `context` of what is given out from here on; null: what they were
  // told before, or no more than the identity says.
  Attached Attach(std::shared_ptr<AttachedStream> attachment,
                  uint64_t received_through,
                  std::shared_ptr<const SessionContext> context = nullptr);
  // The client has shown fresh credentials: of the same principal, with other
  // claims perhaps, which handlers are told from here on.
  void SetPrincipal(const AttachedStream* attachment,
                    const base::Principal& principal);

  // How the stream ends, if it is still the one attached: Detach follows.
  void NoteEnd(const AttachedStream* attachment, int code,
               absl::string_view why) {
    MutexLock lock(&mutex_);
    if (attachment_.get() != attachment) return;
    recorder_.OnStreamEnded(code, why);
  }

  // Lets go of the stream, if it is still the one attached; answers whether it
  // was. An anonymous session is abandoned with it.
  bool Detach(const AttachedStream* attachment);

  // Drops all messages and results: nobody will ask for them.
  void Abandon() {
    MutexLock lock(&mutex_);
    Restart(session_.accepted_through());
    TellAbandoned();
  }

  // Of a stored session. The epoch of the claim that it has; 0: it has none any
  // more, or lacks results that only the store has.
  uint64_t store_epoch() const {
    MutexLock lock(&mutex_);
    return commits_->fenced() || session_.Forgotten() ? 0 : commits_->epoch();
  }
  // What of it is in the store, as far as is known here.
  uint64_t committed_through() const {
    MutexLock lock(&mutex_);
    return session_.committed_through();
  }
  bool fenced() const {
    MutexLock lock(&mutex_);
    return commits_ && commits_->fenced();
  }
  // The client has everything and will not come back: the store forgets it.
  void Finish() {
    MutexLock lock(&mutex_);
    commits_->OnFinished();
    AskToCommit({});
  }
  // Another process has it, or a later claim of this one.
  void GiveUp();

  // Takes a request's acknowledgement and messages, and processes what it may.
  // Those accepted before a violation are processed all the same. ABORTED: the
  // stream is not attached any more.
  absl::Status OnFrame(const AttachedStream* attachment,
                       const wire::RequestFrame& frame);

  // What there is to write, for the stream that is attached.
  struct Output {
    uint64_t results = 0;
    // Everything accepted so far was answered and is in `pieces` or was
    // before. False for a stream that is not attached any more: it is about to
    // hear so.
    bool all_taken = false;
    // Taking them made room: call Resume, without a lock held.
    bool can_resume = false;
    bool told = false;  // Call OnWritten once they are written.
  };
  Output TakeResults(const AttachedStream* attachment,
                     std::vector<wire::Piece>* pieces);

  // What was taken was written, and somebody wants to know.
  void OnWritten(const AttachedStream* attachment);

  // Processes what there is room for. `attachment` looks for results by itself.
  void Resume(const AttachedStream* attachment);

  // The attached stream reads on, but will bring nothing any more.
  void CloseInput(const AttachedStream* attachment);

  // Whether nothing would be lost by forgetting the session, or too much is
  // lost already to resume it.
  bool CanForget() const {
    MutexLock lock(&mutex_);
    return session_.AllReceived() || (session_.Forgotten() && !stored());
  }
  // Whether the stream should not be read for now: an anonymous session's at
  // its limits, and any that holds too much of the memory of all. `unread`: the
  // client has not taken the last that was written.
  bool AtLimit(bool unread = false);
  // Whether it is not read, for want of memory, though its client could free
  // some by an acknowledgement: that can come by another stream's Open only.
  bool Starves() const {
    MutexLock lock(&mutex_);
    return withheld_ && session_.AwaitsAcknowledgement();
  }
  // Whether handlers may be pausing for want of memory: Resume now and then.
  bool Limited() const {
    MutexLock lock(&mutex_);
    return session_.limited();
  }
  uint64_t accepted_through() const {
    MutexLock lock(&mutex_);
    return session_.accepted_through();
  }
  // What it holds in memory, about; and whether that stays so without a stream.
  struct Holding {
    size_t bytes = 0;
    bool settled = true;
  };
  Holding holding() const {
    MutexLock lock(&mutex_);
    return {.bytes = session_.bytes(), .settled = session_.unanswered() == 0};
  }
  // What it keeps of results that its client has not acknowledged.
  struct Unread {
    size_t bytes = 0;
    bool attached = false;
  };
  Unread unread() const {
    MutexLock lock(&mutex_);
    return {.bytes = session_.result_bytes(),
            .attached = attachment_ != nullptr};
  }
  // For operators. The trace is told of events from here on, until it is over;
  // whether they are logged at debug from here on, whatever the least level is
  // (returns whether they were).
  void Follow(std::shared_ptr<LiveTrace> trace) {
    MutexLock lock(&mutex_);
    recorder_.Follow(std::move(trace), session_);
  }
  bool LogEvents(bool log) {
    MutexLock lock(&mutex_);
    return recorder_.LogEvents(log, session_, context_.get());
  }
  // Where a message is that has no result.
  Executor::Whereabouts Find(uint64_t position) const {
    return binding_->executor->Find(number_, position);
  }
  // Gives back memory that a burst has left behind, if the burst is over.
  void TrimIfIdle() {
    MutexLock lock(&mutex_);
    if (session_.outstanding() == 0) Trim();
  }

  // BatchOwner, CommitSource and QuotaWaiter:
  void OnBatchDone(std::unique_ptr<Batch> batch) override;
  std::shared_ptr<CommitSource> commits() override {
    return stored() ? shared_from_this() : nullptr;
  }
  Claim ClaimAnew() const override {
    MutexLock lock(&mutex_);
    return commits_->Anew(session_);
  }
  SessionWrite TakeCommit(size_t max_bytes, bool with_results) override {
    MutexLock lock(&mutex_);
    return commits_->Take(&session_, max_bytes, with_results);
  }
  void OnCommitted(const SessionWrite& write, uint64_t epoch) override;
  void OnNotCommitted(const SessionWrite& write, uint64_t epoch) override {
    MutexLock lock(&mutex_);
    commits_->OnNotCommitted(&session_, write, epoch);
  }
  void OnFenced(const SessionWrite& write) override;
  void OnWorkerDied(uint64_t position, int attempt, int deaths) override {
    MutexLock lock(&mutex_);
    if (!commits_) return;
    commits_->OnWorkerDied({.begun = static_cast<uint64_t>(attempt),
                            .deaths = static_cast<uint64_t>(deaths),
                            .behind = position - 1});
    AskToCommit({});
  }
  void Reclaim(const OnReclaimed& done) override;
  void OnQuota() override { Resume(nullptr); }
  bool Wants(const Batch& batch) const override {
    return batch.epoch == epoch_.load(std::memory_order_relaxed);
  }

 private:
  // session_view.h: what operators see.
  friend SessionFacts FactsOf(const HostedSession& session);
  friend std::vector<StateDump> DumpOf(const HostedSession& session);

  // These, and TellAbandoned, let go of the lock while an executor is called.
  absl::Status AcceptMessages(absl::Span<const wire::MessageView> messages)
      MSGPROC_REQUIRES(mutex_);
  void RunDirectly(absl::Span<const wire::MessageView> messages)
      MSGPROC_REQUIRES(mutex_);
  void Pump() MSGPROC_REQUIRES(mutex_);
  // Takes a batch back whose results are there.
  void Complete(std::unique_ptr<Batch> batch) MSGPROC_REQUIRES(mutex_);
  void Restart(uint64_t received_through) MSGPROC_REQUIRES(mutex_) {
    const uint64_t unanswered = session_.unanswered();
    session_.Restart(received_through);
    CountRestarted(unanswered);
    Account();
  }
  // Tells the executor, letting go of the lock, when a life has ended since it
  // was told last.
  void TellAbandoned() MSGPROC_REQUIRES(mutex_);
  // The session may have begun another life.
  void CountRestarted(uint64_t unanswered_before) MSGPROC_REQUIRES(mutex_);
  // There is something for the store: results, or what may go.
  void AskToCommit(const GroupCommit::Load& load) MSGPROC_REQUIRES(mutex_);
  Claim BeginReclaim() {
    MutexLock lock(&mutex_);
    return commits_->BeginReclaim(session_);
  }
  void TakeClaim(const Reclaimed& reclaimed) {
    if (!reclaimed.ours) return GiveUp();
    MutexLock lock(&mutex_);
    commits_->OnReclaimed(reclaimed.epoch);
  }
  // Gives back memory that is kept for what may come.
  void Trim() MSGPROC_REQUIRES(mutex_) {
    batches_.Trim();
    session_.Trim();
  }
  // Tells the budget what is held.
  void Account() MSGPROC_REQUIRES(mutex_) {
    share_.Set({.messages = session_.bytes() - session_.result_bytes(),
                .batches = batches_.bytes_out(),
                .results = session_.result_bytes(),
                .reading = reading_,
                .writing = writing_});
    quota_.Hold(session_.result_bytes());
  }
  // The stream that has the session, when it is not this one: taken over while
  // the lock was released, it must be told of results by the one before.
  std::shared_ptr<AttachedStream> OtherThan(
      const AttachedStream* attachment) const MSGPROC_REQUIRES(mutex_) {
    return attachment_.get() == attachment ? nullptr : attachment_;
  }

  const Identity identity_;
  HandlerBinding* const binding_;
  // Its executor runs batches at once: whoever reads runs what was read.
  const bool runs_at_once_;
  ProcessorCounters* const counters_;
  const Clock* const clock_;
  SessionCommitter* const committer_;  // Null: the session is in memory.
  const uint64_t number_;
  // The session's, for those who do not have the lock.
  std::atomic<uint64_t> epoch_{0};

  mutable Mutex mutex_;
  Session session_ MSGPROC_GUARDED_BY(mutex_);
  // Of a stored session.
  absl::optional<SessionCommits> commits_ MSGPROC_GUARDED_BY(mutex_);
  std::shared_ptr<AttachedStream> attachment_ MSGPROC_GUARDED_BY(mutex_);
  // Some thread is giving out batches; it will see what others bring.
  bool pumping_ MSGPROC_GUARDED_BY(mutex_) = false;
  // A life has ended, with batches that may be out.
  bool abandoned_ MSGPROC_GUARDED_BY(mutex_) = false;
  // For batches to come; never null once a stream is attached.
  std::shared_ptr<const SessionContext> context_ MSGPROC_GUARDED_BY(mutex_);
  SessionBatches batches_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<wire::Piece> pieces_ MSGPROC_GUARDED_BY(mutex_);  // Pump's.
  MemoryBudget::Share share_ MSGPROC_GUARDED_BY(mutex_);
  // What the next frame may hold, going by the last one; and what the write in
  // flight holds that the session does not hold any more.
  size_t reading_ MSGPROC_GUARDED_BY(mutex_) = 0;
  size_t writing_ MSGPROC_GUARDED_BY(mutex_) = 0;
  QuotaShare quota_ MSGPROC_GUARDED_BY(mutex_);
  SessionRecorder recorder_ MSGPROC_GUARDED_BY(mutex_);
  // Its stream is not read for the sake of the budget.
  bool withheld_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_HOSTED_SESSION_H_
