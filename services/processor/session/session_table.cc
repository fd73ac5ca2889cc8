#include "services/processor/session/session_table.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/process_limits.h"
#include "common/quoted.h"
#include "common/transition.h"
#include "services/processor/session/same_token.h"
#include "services/processor/store/outcomes.h"
#include "services/processor/store/random_name.h"
#include "services/processor/store/session_committer.h"

namespace msgproc::processor {
namespace {

size_t BudgetOf(const SessionTable::Options& options) {
  return options.memory_budget < 0 ? ReadProcessLimits().memory_bytes / 4
                                   : static_cast<size_t>(options.memory_budget);
}

void Transition(absl::string_view from, absl::string_view to) {
  TellTransition("processor::SessionTable", from, to);
}

}  // namespace

SessionTable::SessionTable(const Options& options, ProcessorCounters* counters,
                           const Clock* clock)
    : options_(options),
      counters_(counters),
      clock_(clock),
      memory_(BudgetOf(options)),
      quotas_(clock) {
  counters_->memory_budget.store(static_cast<int64_t>(memory_.bytes()),
                                 std::memory_order_relaxed);
}

bool SessionTable::Has(absl::string_view id) {
  MutexLock lock(&mutex_);
  return sessions_.find(std::string(id)) != sessions_.end();
}

void SessionTable::EvictWhileFull() {
  while (memory_.Full()) {
    std::shared_ptr<HostedSession> oldest;
    {
      MutexLock lock(&mutex_);
      if (detached_.empty()) return;
      oldest = Forget(sessions_.find(detached_.front()));
    }
    ProcessorCounters::Add(&counters_->sessions_evicted, 1);
    oldest->Abandon();
  }
}

absl::Status SessionTable::MakeRoom() {
  EvictWhileFull();
  if (!memory_.Full()) return absl::OkStatus();
  ProcessorCounters::Add(&counters_->memory_refusals, 1);
  return memory_.Refused();
}

absl::StatusOr<absl::optional<Claim>> SessionTable::PrepareClaim(
    const Request& request) {
  if (options_.committer == nullptr || request.session_id.empty() ||
      request.session_token.empty()) {
    return absl::optional<Claim>();
  }
  if (absl::Status status = CheckOpen(request); !status.ok()) return status;
  Claim claim = ClaimOf(request);
  MutexLock lock(&mutex_);
  const auto here = sessions_.find(claim.session_id);
  if (here == sessions_.end()) return claim;
  if (!here->second.session->stored()) {
    // One whose name or secret this server chose lives here and in no store.
    const bool same = SameToken(here->second.session->identity().token,
                                request.session_token);
    return same ? absl::optional<Claim>() : claim;
  }
  if (request.generation.Before(here->second.generation)) {
    return LateOpen(request, here->second.generation);
  }
  claim.epoch = here->second.session->store_epoch();
  claim.committed_through = here->second.session->committed_through();
  return claim;
}

absl::StatusOr<SessionTable::Opened> SessionTable::Open(
    const Request& request, const absl::StatusOr<HandlerBinding*>& binding,
    const std::shared_ptr<AttachedStream>& attachment, const Stored* stored) {
  if (absl::Status status = CheckOpen(request); !status.ok()) return status;
  if (memory_.Full() && !Has(request.session_id)) {
    if (absl::Status room = MakeRoom(); !room.ok()) return room;
  }
  std::string id(request.session_id);
  if (id.empty()) id = RandomName();
  if (stored != nullptr) {
    if (!stored->claimed->status.ok()) return stored->claimed->status;
    auto before = MakeWay(id, *stored->claimed);
    if (!before.ok()) return before.status();
    if (*before != nullptr) (*before)->GiveUp();
  }
  absl::StatusOr<Opened> opened =
      Attach(id, request, binding, attachment, stored);
  if (opened.ok() && opened->attached.before != nullptr) {
    ProcessorCounters::Add(&counters_->takeovers, 1);
    std::exchange(opened->attached.before, nullptr)->OnTakenOver();
  }
  return opened;
}

absl::StatusOr<std::shared_ptr<HostedSession>> SessionTable::MakeWay(
    const std::string& id, const Claimed& claimed) {
  MutexLock lock(&mutex_);
  const auto here = sessions_.find(id);
  const uint64_t epoch =
      here == sessions_.end() || !here->second.session->stored()
          ? 0
          : here->second.session->store_epoch();
  if (claimed.still_ours && epoch != claimed.epoch) {
    // It was let go of while the store was asked.
    return absl::UnavailableError("The session has just left this server.");
  }
  if (epoch > claimed.epoch) {
    return absl::AbortedError("A later Open of this session came before.");
  }
  // One that lives in memory has another secret, as Attach will find.
  if (here == sessions_.end() || claimed.still_ours ||
      !here->second.session->stored()) {
    return nullptr;
  }
  return Forget(here);
}

absl::StatusOr<std::shared_ptr<HostedSession>> SessionTable::NewSession(
    const std::string& id, const Request& request, HandlerBinding* binding,
    const Stored* stored) {
  std::string token(request.session_token);
  if (token.empty()) token = RandomBytes(32);
  wire::EntryLog results;
  HostedSession::Stored kept;
  if (stored != nullptr) {
    auto read =
        ReadOutcomes(stored->claimed->outcomes, request.received_through,
                     stored->claimed->committed_through);
    if (!read.ok()) return read.status();
    results = *std::move(read);
    kept = {.committer = options_.committer,
            .claim = stored->claim,
            .claimed = stored->claimed,
            .results = &results};
  }
  auto session = std::make_shared<HostedSession>(
      HostedSession::Identity{id, std::move(token),
                              std::string(request.client_name),
                              request.context.principal},
      binding, options_.limits, counters_, clock_, &memory_,
      stored == nullptr ? nullptr : &kept);
  absl::Status may = session->TakeQuota(request.quota);
  if (!may.ok()) return may;
  return session;
}

absl::StatusOr<SessionTable::Opened> SessionTable::Attach(
    const std::string& id, const Request& request,
    const absl::StatusOr<HandlerBinding*>& binding,
    const std::shared_ptr<AttachedStream>& attachment, const Stored* stored) {
  MutexLock lock(&mutex_);
  const bool created = sessions_.find(id) == sessions_.end();
  if (created && !binding.ok()) return binding.status();
  std::shared_ptr<HostedSession> session;
  if (created) {
    auto made = NewSession(id, request, *binding, stored);
    if (!made.ok()) return made.status();
    session = *std::move(made);
  }
  Entry& entry = sessions_[id];
  if (created) {
    Transition("absent", "attached");
    entry.session = std::move(session);
    ProcessorCounters::Add(&counters_->sessions_attached, 1);
  } else if (!entry.session->identity().principal.SameAs(
                 request.context.principal)) {
    // Whose it is instead is nobody else's business.
    return absl::PermissionDeniedError(
        absl::StrCat("Session '", id, "' was opened by another principal than ",
                     Quoted(request.context.principal.Shown()), "."));
  } else if (!SameToken(entry.session->identity().token,
                        request.session_token)) {
    return absl::PermissionDeniedError(
        absl::StrCat("The session_token is not the one that session '", id,
                     "' was opened with."));
  } else if (request.generation.Before(entry.generation)) {
    return LateOpen(request, entry.generation);
  } else {
    absl::Status may = entry.session->TakeQuota(request.quota);
    if (!may.ok()) return may;
    MarkAttached(&entry);
  }
  entry.generation = request.generation;
  Opened opened;
  opened.session = entry.session;
  auto context = std::make_shared<SessionContext>(request.context);
  context->session_id = id;
  context->client_name = std::string(request.client_name);
  // Another store, or an older copy of it, counts anew.
  context->idempotency_scope =
      opened.session->stored()
          ? absl::StrCat(options_.committer->generation(), "/", id)
          : id;
  opened.attached = entry.session->Attach(attachment, request.received_through,
                                          std::move(context));
  CountOpen(opened.attached.opening.state, request.moved);
  return opened;
}

absl::Status SessionTable::LateOpen(const Request& request,
                                    const OpenGeneration& here) {
  ProcessorCounters::Add(&counters_->sessions_late, 1);
  return absl::AbortedError(
      absl::StrCat("This Open, attempt ", request.generation.attempt,
                   " of its client, came after attempt ", here.attempt,
                   ", which has the session."));
}

void SessionTable::CountOpen(Session::State state, bool moved) {
  using State = Session::State;
  ProcessorCounters::Counter* counter = &counters_->sessions_lost;
  if (state == State::kResumed) {
    counter = &counters_->sessions_resumed;
  } else if (moved) {
    // Also where it had received nothing yet: it is not a client more.
    counter = &counters_->sessions_moved;
  } else if (state == State::kNew) {
    counter = &counters_->sessions_opened;
  }
  ProcessorCounters::Add(counter, 1);
}

void SessionTable::MarkAttached(Entry* entry) {
  MSGPROC_CHECK(entry->session != nullptr);
  if (!entry->detached) return;
  MSGPROC_CHECK_GE(detached_bytes_, entry->bytes);
  MSGPROC_CHECK_EQ(*entry->place, entry->session->identity().id);
  Transition("detached", "attached");
  entry->detached = false;
  detached_.erase(entry->place);
  detached_bytes_ -= std::exchange(entry->bytes, 0);
  ProcessorCounters::Add(&counters_->sessions_attached, 1);
  ProcessorCounters::Add(&counters_->sessions_detached, -1);
}

std::shared_ptr<HostedSession> SessionTable::Forget(Sessions::iterator entry) {
  MSGPROC_CHECK(entry != sessions_.end());
  Transition(entry->second.detached ? "detached" : "attached", "absent");
  if (entry->second.detached) {
    MSGPROC_CHECK_GE(detached_bytes_, entry->second.bytes);
    detached_.erase(entry->second.place);
    detached_bytes_ -= entry->second.bytes;
    ProcessorCounters::Add(&counters_->sessions_detached, -1);
  } else {
    ProcessorCounters::Add(&counters_->sessions_attached, -1);
  }
  std::shared_ptr<HostedSession> session = std::move(entry->second.session);
  sessions_.erase(entry);
  return session;
}

void SessionTable::Detach(const std::shared_ptr<HostedSession>& session,
                          const AttachedStream* attachment, bool finished,
                          bool sent_away) {
  if (session->anonymous()) {
    anonymous_.Remove(*session);
    // Their executor hears of it, without a lock held.
    return static_cast<void>(session->Detach(attachment));
  }
  MutexLock lock(&mutex_);
  // False: another stream took it over, and it is not this one's any more.
  if (!session->Detach(attachment)) return;
  const auto found = sessions_.find(session->identity().id);
  if (found == sessions_.end() || found->second.session != session) return;
  if (session->fenced() || (finished && session->CanForget())) {
    if (session->stored() && !session->fenced() && !sent_away) {
      session->Finish();
    }
    Forget(found);
    return;
  }
  Entry& entry = found->second;
  MSGPROC_CHECK(!entry.detached && entry.bytes == 0);
  Transition("attached", "detached");
  entry.detached = true;
  entry.detached_at = clock_->Now();
  entry.place = detached_.insert(detached_.end(), found->first);
  if (Count(&entry)) unsettled_.insert(found->first);
  ProcessorCounters::Add(&counters_->sessions_attached, -1);
  ProcessorCounters::Add(&counters_->sessions_detached, 1);
}

std::vector<std::shared_ptr<HostedSession>> SessionTable::All() const {
  // Buckets looked at between two others' turns: tens of microseconds.
  constexpr size_t kBuckets = 512;
  std::vector<std::shared_ptr<HostedSession>> all;
  for (size_t buckets = 0, next = 0;;) {
    MutexLock lock(&mutex_);
    if (std::exchange(buckets, sessions_.bucket_count()) !=
        sessions_.bucket_count()) {
      // It has grown: what stands where has changed.
      all.clear();
      next = 0;
    }
    const size_t end = std::min(buckets, next + kBuckets);
    for (; next < end; ++next) {
      for (auto i = sessions_.begin(next); i != sessions_.end(next); ++i) {
        all.push_back(i->second.session);
      }
    }
    if (next == buckets) return all;
  }
}

absl::Status SessionTable::ForgetDetached(const std::string& id) {
  std::shared_ptr<HostedSession> session;  // Let go of without the lock.
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    return absl::NotFoundError("This server does not hold the session.");
  }
  if (!found->second.detached) {
    return absl::FailedPreconditionError("A stream has the session.");
  }
  session = found->second.session;
  if (!session->holding().settled) {
    return absl::FailedPreconditionError(
        "A handler has messages of the session: try again.");
  }
  if (session->stored() && !session->fenced()) session->Finish();
  Forget(found);
  return absl::OkStatus();
}

bool SessionTable::Count(Entry* entry) {
  const HostedSession::Holding holding = entry->session->holding();
  MSGPROC_CHECK(entry->detached);
  MSGPROC_CHECK_GE(detached_bytes_, entry->bytes);
  detached_bytes_ -= std::exchange(entry->bytes, holding.bytes + kSessionBytes);
  detached_bytes_ += entry->bytes;
  return !holding.settled;
}

void SessionTable::CountUnsettled() {
  for (auto id = unsettled_.begin(); id != unsettled_.end();) {
    const auto found = sessions_.find(*id);
    const bool stays = found != sessions_.end() && found->second.detached &&
                       Count(&found->second);
    id = stays ? std::next(id) : unsettled_.erase(id);
  }
}

void SessionTable::Sweep() {
  std::vector<std::shared_ptr<HostedSession>> gone;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Now();
    while (!detached_.empty()) {
      const auto oldest = sessions_.find(detached_.front());
      MSGPROC_CHECK(oldest != sessions_.end() && oldest->second.detached);
      if (now - oldest->second.detached_at < options_.session_ttl) break;
      ProcessorCounters::Add(&counters_->sessions_expired, 1);
      gone.push_back(Forget(oldest));
    }
    CountUnsettled();
    while (detached_bytes_ > options_.max_detached_bytes) {
      MSGPROC_CHECK(!detached_.empty());
      ProcessorCounters::Add(&counters_->sessions_evicted, 1);
      gone.push_back(Forget(sessions_.find(detached_.front())));
    }
    MSGPROC_CHECK(!detached_.empty() || detached_bytes_ == 0);
    MSGPROC_CHECK_LE(detached_.size(), sessions_.size());
    counters_->detached_bytes.store(static_cast<int64_t>(detached_bytes_),
                                    std::memory_order_relaxed);
  }
  // Batches that are out keep a session for a while; it must not work on.
  for (const auto& session : gone) session->Abandon();
  gone.clear();
  memory_.Refresh();
  EvictWhileFull();
  counters_->memory_used.store(static_cast<int64_t>(memory_.used()),
                               std::memory_order_relaxed);
}

}  // namespace msgproc::processor
