#include "services/base/traces/span_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/check.h"

namespace msgproc::base {

SpanQueue::SpanQueue(const Options& options)
    : options_(options),
      backoff_(options.initial_backoff, options.max_backoff) {
  MSGPROC_CHECK_GT(options_.batch_spans, 0u);
  MSGPROC_CHECK_LE(options_.batch_spans, options_.max_spans);
}

size_t SpanQueue::Add(std::vector<Span> spans, absl::Time now) {
  MSGPROC_CHECK_LE(size(), options_.max_spans);
  const size_t taken = std::min(spans.size(), options_.max_spans - size());
  if (waiting_.empty()) since_ = now;
  const auto end = spans.begin() + static_cast<std::ptrdiff_t>(taken);
  std::move(spans.begin(), end, std::back_inserter(waiting_));
  return spans.size() - taken;
}

const std::vector<Span>& SpanQueue::Next(absl::Time now) {
  static const std::vector<Span> none;
  if (now < NextDue()) return none;
  if (batch_.empty()) {
    const size_t size = std::min(waiting_.size(), options_.batch_spans);
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(size);
    std::move(waiting_.begin(), end, std::back_inserter(batch_));
    waiting_.erase(waiting_.begin(), end);
    // Those that are left have waited for as long as this one is under way.
    since_ = now;
  }
  MSGPROC_CHECK(!batch_.empty());
  under_way_ = true;
  return batch_;
}

absl::Time SpanQueue::NextDue() const {
  if (under_way_) return absl::InfiniteFuture();
  if (!batch_.empty()) return retry_at_;
  if (waiting_.empty()) return absl::InfiniteFuture();
  return closing_ || Full() ? absl::InfinitePast()
                            : since_ + options_.batch_delay;
}

void SpanQueue::OnDone() {
  MSGPROC_CHECK(under_way_);
  under_way_ = false;
  batch_.clear();
  backoff_.Reset();
}

void SpanQueue::OnUnavailable(absl::Time now, double luck) {
  MSGPROC_CHECK(under_way_);
  MSGPROC_CHECK(luck >= 0 && luck <= 1);
  under_way_ = false;
  if (closing_) backoff_.Reset();
  retry_at_ = now + backoff_.Next() * luck;
}

}  // namespace msgproc::base
