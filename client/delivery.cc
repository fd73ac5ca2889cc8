#include "client/delivery.h"

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "client/callback_scope.h"
#include "client/result_decoding.h"
#include "common/check.h"

namespace msgproc::client {

const wire::ResponseFrame* Delivery::Parse(grpc::ByteBuffer* incoming) {
  return flat_.Assign(incoming) && frame_.Parse(flat_.bytes()) ? &frame_
                                                               : nullptr;
}

void Delivery::GiveEvent(const StreamEvent& event) const {
  if (!options_->on_event) return;
  const CallbackScope scope(stream_);
  options_->on_event(event);
}

void Delivery::GiveResults(size_t first, size_t count) const {
  MSGPROC_CHECK_LE(first + count, frame_.results.size());
  const CallbackScope scope(stream_);
  const auto views = absl::MakeConstSpan(frame_.results).subspan(first, count);
  if (!options_->on_result) return GiveTogether(views);
  for (const wire::ResultView& view : views) {
    options_->on_result(ToResult(view));
  }
}

void Delivery::GiveTogether(absl::Span<const wire::ResultView> views) const {
  absl::InlinedVector<Result, MessageStream::kMostResultsAtOnce> results;
  while (!views.empty()) {
    const auto now = views.subspan(0, MessageStream::kMostResultsAtOnce);
    for (const wire::ResultView& view : now) results.push_back(ToResult(view));
    options_->on_results(results);
    results.clear();
    views.remove_prefix(now.size());
  }
}

}  // namespace msgproc::client
