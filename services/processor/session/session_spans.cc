#include "services/processor/session/session_spans.h"

#include "absl/random/random.h"

namespace msgproc::processor {
namespace {

std::unique_ptr<MessageSpans> NewSpans(const HandlerBinding& binding,
                                       const std::string& session_id,
                                       bool stored) {
  if (binding.spans == nullptr) return nullptr;
  absl::BitGen random;
  return std::make_unique<MessageSpans>(
      MessageSpans::Options{.sink = binding.spans,
                            .session_id = session_id,
                            .handler = binding.name,
                            .stored = stored,
                            .seed = absl::Uniform<uint64_t>(random)});
}

}  // namespace

SessionSpans::SessionSpans(const HandlerBinding& binding,
                           const std::string& session_id, bool stored,
                           const Clock* clock)
    : clock_(clock), spans_(NewSpans(binding, session_id, stored)) {}

}  // namespace msgproc::processor
