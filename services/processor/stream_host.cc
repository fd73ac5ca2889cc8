#include "services/processor/stream_host.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/processor/process_reactor.h"

namespace msgproc::processor {

StreamHost::StreamHost(Options options)
    : options_(std::move(options)),
      sessions_(options_.sessions, &counters_, options_.clock),
      method_(methods_.Add("bidi_stream", "msgproc.v1.Processor", "Process")) {}

void StreamHost::Bind(std::unique_ptr<HandlerBinding> binding) {
  bindings_.push_back(std::move(binding));
}

absl::StatusOr<HandlerBinding*> StreamHost::FindHandler(
    absl::string_view name) const {
  if (name.empty()) name = options_.default_handler;
  for (const auto& binding : bindings_) {
    if (binding->name == name) return binding.get();
  }
  const auto names = [](std::string* out, const auto& binding) {
    out->append(binding->name);
  };
  return absl::NotFoundError(absl::StrCat(
      "There is no handler '", name,
      "'; there are: ", absl::StrJoin(bindings_, ", ", names), "."));
}

void StreamHost::Add(const std::shared_ptr<ProcessReactor>& stream) {
  bool draining;
  absl::Duration grace;
  {
    MutexLock lock(&mutex_);
    streams_.emplace(stream->look_at_, stream);
    draining = draining_;
    grace = drain_grace_;
  }
  ProcessorCounters::Add(&counters_.streams, 1);
  if (draining) stream->Drain(v1::Drain::REASON_SHUTDOWN, "", grace);
}

void StreamHost::Remove(const std::shared_ptr<ProcessReactor>& stream) {
  MutexLock lock(&mutex_);
  if (streams_.erase({stream->look_at_, stream}) == 1) {
    ProcessorCounters::Add(&counters_.streams, -1);
  }
  if (streams_.empty()) emptied_.SignalAll();
}

void StreamHost::WaitForStreams(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (!streams_.empty()) emptied_.WaitFor(&mutex_, timeout);
}

std::vector<std::shared_ptr<ProcessReactor>> StreamHost::Streams() {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<ProcessReactor>> streams;
  streams.reserve(streams_.size());
  for (const auto& [look_at, stream] : streams_) streams.push_back(stream);
  return streams;
}

size_t StreamHost::stream_count() {
  MutexLock lock(&mutex_);
  return streams_.size();
}

void StreamHost::DrainAll(absl::Duration grace) {
  {
    MutexLock lock(&mutex_);
    draining_ = true;
    drain_grace_ = grace;
  }
  counters_.draining.store(true, std::memory_order_relaxed);
  for (const auto& stream : Streams()) {
    stream->Drain(v1::Drain::REASON_SHUTDOWN, "", grace);
  }
}

size_t StreamHost::Move(size_t sessions, const std::string& address) {
  size_t moved = 0;
  for (const auto& stream : Streams()) {
    if (moved == sessions) break;
    if (stream->CanMove() && stream->Drain(v1::Drain::REASON_REBALANCE, address,
                                           options_.drain_grace)) {
      ++moved;
    }
  }
  return moved;
}

void StreamHost::EndAll(absl::string_view why) {
  for (const auto& stream : Streams()) stream->End(why);
}

void StreamHost::Tick() {
  const absl::Time now = options_.clock->Now();
  std::vector<std::shared_ptr<ProcessReactor>> due;
  {
    MutexLock lock(&mutex_);
    for (const auto& [look_at, stream] : streams_) {
      if (look_at > now) break;
      due.push_back(stream);
    }
  }
  for (const auto& stream : due) LookAgain(stream, stream->Tick(now));
  sessions_.Sweep();
}

void StreamHost::LookAgain(const std::shared_ptr<ProcessReactor>& stream,
                           absl::Time when) {
  MutexLock lock(&mutex_);
  auto node = streams_.extract({stream->look_at_, stream});
  if (node.empty()) return;  // It has ended.
  stream->look_at_ = when;
  node.value().first = when;
  streams_.insert(std::move(node));
}

absl::Duration StreamHost::TickInterval() const {
  return std::clamp(std::min(options_.heartbeat_interval / 2,
                             options_.sessions.session_ttl / 2),
                    absl::Milliseconds(10), absl::Seconds(1));
}

}  // namespace msgproc::processor
