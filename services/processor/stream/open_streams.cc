#include "services/processor/stream/open_streams.h"

#include <atomic>
#include <utility>

#include "common/check.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/session/memory_budget.h"
#include "services/processor/stream/stream_state.h"

namespace msgproc::processor {

ProcessReactor* OpenStreams::Start(grpc::CallbackServerContext* call) {
  const auto stream = std::make_shared<ProcessReactor>(
      processor_, call, NextAge(),
      [this](const Stream& gone) { Remove(gone); });
  stream->Start();
  // It cannot be gone yet: gRPC has not got it.
  Add(stream);
  return stream.get();
}

absl::Duration OpenStreams::NextAge() {
  MutexLock lock(&mutex_);
  return ages_.Next();
}

void OpenStreams::Add(const Stream& stream) {
  bool draining;
  absl::Duration grace;
  {
    MutexLock lock(&mutex_);
    const bool added =
        places_
            .emplace(stream.get(),
                     by_due_.emplace(absl::InfinitePast(), stream))
            .second;
    MSGPROC_CHECK(added);
    draining = draining_;
    grace = drain_grace_;
  }
  MSGPROC_CHECK(!draining || grace >= absl::ZeroDuration());
  ProcessorCounters::Add(&processor_->counters()->streams, 1);
  if (draining) stream->Drain(v1::Drain::REASON_SHUTDOWN, "", grace);
}

void OpenStreams::Remove(const Stream& stream) {
  MutexLock lock(&mutex_);
  const auto place = places_.find(stream.get());
  MSGPROC_CHECK(place != places_.end());
  by_due_.erase(place->second);
  places_.erase(place);
  MSGPROC_CHECK_EQ(by_due_.size(), places_.size());
  ProcessorCounters::Add(&processor_->counters()->streams, -1);
  if (places_.empty()) emptied_.SignalAll();
}

void OpenStreams::WaitUntilNone(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (!places_.empty()) emptied_.WaitFor(&mutex_, timeout);
}

std::vector<OpenStreams::Stream> OpenStreams::All() const {
  MutexLock lock(&mutex_);
  std::vector<Stream> streams;
  streams.reserve(by_due_.size());
  for (const auto& [due, stream] : by_due_) streams.push_back(stream);
  return streams;
}

size_t OpenStreams::count() const {
  MutexLock lock(&mutex_);
  return places_.size();
}

void OpenStreams::DrainAll(absl::Duration grace) {
  {
    MutexLock lock(&mutex_);
    draining_ = true;
    drain_grace_ = grace;
  }
  processor_->counters()->draining.store(true, std::memory_order_relaxed);
  for (const Stream& stream : All()) {
    stream->Drain(v1::Drain::REASON_SHUTDOWN, "", grace);
  }
}

size_t OpenStreams::Move(size_t sessions, const std::string& address) {
  size_t moved = 0;
  for (const Stream& stream : All()) {
    if (moved == sessions) break;
    if (stream->CanMove() && stream->Drain(v1::Drain::REASON_REBALANCE, address,
                                           processor_->options().drain_grace)) {
      ++moved;
    }
  }
  return moved;
}

bool OpenStreams::EndStreamOf(const HostedSession& session,
                              absl::string_view why) {
  for (const Stream& stream : All()) {
    if (!stream->Carries(session)) continue;
    stream->End(why);
    return true;
  }
  return false;
}

void OpenStreams::EndAll(absl::string_view why) {
  for (const Stream& stream : All()) stream->End(why);
}

void OpenStreams::RecheckAccess() {
  const uint64_t version = processor_->access().version();
  if (access_version_.exchange(version) == version) return;
  for (const Stream& stream : All()) stream->Recheck();
}

void OpenStreams::Tick() {
  RecheckAccess();
  const absl::Time now = processor_->clock()->Now();
  // Any of them may not be read for want of memory, or not any more.
  const MemoryBudget& memory = *processor_->sessions()->memory();
  const uint64_t changes = memory.changes();
  const bool all = memory_changes_.exchange(changes) != changes ||
                   memory.level() != MemoryBudget::Level::kFree;
  std::vector<Stream> due;
  {
    MutexLock lock(&mutex_);
    for (const auto& [when, stream] : by_due_) {
      if (when > now && !all) break;
      due.push_back(stream);
    }
  }
  for (const Stream& stream : due) Reschedule(stream, stream->Tick(now));
}

void OpenStreams::Reschedule(const Stream& stream, absl::Time due) {
  MutexLock lock(&mutex_);
  const auto place = places_.find(stream.get());
  if (place == places_.end()) return;  // It has ended meanwhile.
  auto node = by_due_.extract(place->second);
  node.key() = due;
  place->second = by_due_.insert(std::move(node));
}

StateDump OpenStreams::Dump() const {
  StateDump dump("processor::OpenStreams");
  {
    MutexLock lock(&mutex_);
    dump.Add("draining", draining_);
    if (draining_) dump.Add("drain_grace", drain_grace_);
  }
  std::map<StreamState::Phase, size_t> phases;
  for (const Stream& stream : All()) ++phases[stream->phase()];
  for (const auto phase :
       {StreamState::Phase::kOpening, StreamState::Phase::kOpen,
        StreamState::Phase::kAnswering, StreamState::Phase::kCutting,
        StreamState::Phase::kFinished}) {
    dump.Add(PhaseName(phase), phases[phase]);
  }
  return dump;
}

}  // namespace msgproc::processor
