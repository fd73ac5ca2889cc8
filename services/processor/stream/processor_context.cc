#include "services/processor/stream/processor_context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "common/quoted.h"

namespace msgproc::processor {

ProcessorContext::ProcessorContext(Options options)
    : options_(std::move(options)),
      refusals_(options_.clock),
      access_(options_.access),
      sessions_(options_.sessions, &counters_, options_.clock),
      method_(methods_.Add("bidi_stream", "msgproc.v1.Processor", "Process")) {}

void ProcessorContext::Bind(std::unique_ptr<HandlerBinding> binding) {
  MSGPROC_CHECK(binding != nullptr);
  MSGPROC_CHECK(binding->executor != nullptr);
  MSGPROC_CHECK(!FindHandler(binding->name).ok() || binding->name.empty());
  bindings_.push_back(std::move(binding));
}

void ProcessorContext::Refuse(const absl::Status& status,
                              const base::Principal& principal,
                              const StreamPeer& peer) {
  counters_.Reject(status);
  refusals_.Log(status, principal, peer);
}

void ProcessorContext::CountGivenUp(StreamState::Verdict verdict) {
  using Verdict = StreamState::Verdict;
  ProcessorCounters::Add(&counters_.slow_consumers,
                         verdict == Verdict::kUnread);
  ProcessorCounters::Add(&counters_.silent_sessions,
                         verdict == Verdict::kSilent);
  ProcessorCounters::Add(&counters_.memory_ends, verdict == Verdict::kStarved);
}

absl::StatusOr<HandlerBinding*> ProcessorContext::FindHandler(
    absl::string_view name) const {
  if (name.empty()) name = options_.default_handler;
  for (const auto& binding : bindings_) {
    if (binding->name == name) return binding.get();
  }
  const auto names = [](std::string* out, const auto& binding) {
    out->append(binding->name);
  };
  return absl::NotFoundError(absl::StrCat(
      "There is no handler ", Quoted(name),
      "; there are: ", absl::StrJoin(bindings_, ", ", names), "."));
}

}  // namespace msgproc::processor
