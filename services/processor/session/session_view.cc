#include "services/processor/session/session_view.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/quoted.h"
#include "services/processor/executors/executor.h"
#include "services/processor/store/session_committer.h"

namespace msgproc::processor {
namespace {

// Unbounded, by its name.
StateDump::Value Bound(uint64_t most) {
  return most == UINT64_MAX ? StateDump::Value("any") : StateDump::Value(most);
}

StateDump DumpOf(const HandlerBinding& binding) {
  const Executor::Limits limits = binding.executor->LimitsFor(binding);
  const auto nanoseconds =
      binding.message_nanoseconds.load(std::memory_order_relaxed);
  return StateDump("processor::HandlerBinding",
                   {{"name", Quoted(binding.name)},
                    {"here", binding.handler != nullptr},
                    {"ordered", binding.traits.ordered},
                    {"never_blocks", binding.traits.never_blocks},
                    {"transactional", binding.traits.transactional},
                    {"workers_commit", binding.traits.workers_commit},
                    {"message_time", absl::Nanoseconds(nanoseconds)},
                    {"max_batches", Bound(limits.max_batches)},
                    {"max_messages", Bound(limits.max_messages)},
                    {"runs_at_once", limits.runs_at_once}});
}

}  // namespace

SessionFacts FactsOf(const HostedSession& session) {
  MutexLock lock(&session.mutex_);
  SessionFacts facts = FactsOf(session.session_);
  facts.id = session.identity_.id;
  if (session.anonymous()) {
    facts.stream = session.number_;
    // Nobody acknowledges: what was written is let go.
    facts.received_through = facts.taken_through;
  }
  facts.principal = session.identity_.principal.name;
  facts.client_name = session.identity_.client_name;
  facts.handler = session.binding_->name;
  facts.context = session.context_;
  facts.attached = session.attachment_ != nullptr;
  facts.stored = session.stored();
  facts.story = session.recorder_.story();
  facts.now = session.clock_->Now();
  return facts;
}

std::vector<StateDump> DumpOf(const HostedSession& session) {
  const absl::Time now = session.clock_->Now();
  std::vector<StateDump> dumps;
  std::shared_ptr<AttachedStream> attachment;
  absl::optional<StateDump> commits;
  {
    MutexLock lock(&session.mutex_);
    attachment = session.attachment_;
    const bool anonymous = session.anonymous();
    dumps.emplace_back(
        StateDump("processor::HostedSession",
                  {{"session_id", Quoted(session.identity_.id)},
                   {"number", session.number_},
                   {"attached", attachment != nullptr},
                   {"pumping", session.pumping_},
                   {"abandoned", session.abandoned_},
                   {"withheld", session.withheld_},
                   {"may_grow", session.share_.MayGrow(anonymous)},
                   {"result_room", Bound(session.share_.ResultRoom(anonymous))},
                   {"reading", session.reading_},
                   {"writing", session.writing_},
                   {"quota_limited", session.quota_.limited()}}));
    dumps.push_back(session.session_.Dump(now));
    dumps.push_back(session.batches_.Dump());
    if (session.commits_) commits = session.commits_->Dump(now);
  }
  // The stream's lock is taken in front of the session's.
  std::vector<StateDump> all;
  if (attachment != nullptr) attachment->AddDump(now, &all);
  for (StateDump& dump : dumps) all.push_back(std::move(dump));
  all.push_back(DumpOf(*session.binding_));
  session.binding_->executor->AddDumps(session.number_, now, &all);
  if (commits) {
    all.push_back(*std::move(commits));
    session.committer_->AddDump(session.number_, now, &all);
  }
  return all;
}

}  // namespace msgproc::processor
