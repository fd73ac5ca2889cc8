#ifndef MSGPROC_SERVICES_BASE_TRACES_SPAN_QUEUE_H_
#define MSGPROC_SERVICES_BASE_TRACES_SPAN_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "common/backoff.h"
#include "services/base/traces/span.h"

namespace msgproc::base {

// Which spans are sent when: gathers them into batches, keeps a batch that the
// collector could not take for now and tries it again, with full-jitter
// exponential backoff, and drops what comes when it is full. One batch is under
// way at a time, so spans stay in order. Pure; not thread-safe.
class SpanQueue {
 public:
  struct Options {
    // Spans that are kept, those under way included; what comes beyond that is
    // dropped.
    size_t max_spans = 8192;
    // Spans of one batch, at most.
    size_t batch_spans = 512;
    // How long the first span of a batch waits for others.
    absl::Duration batch_delay = absl::Seconds(1);
    // Between two tries, at most: the first time, and after many.
    absl::Duration initial_backoff = absl::Milliseconds(500);
    absl::Duration max_backoff = absl::Seconds(30);
  };

  explicit SpanQueue(const Options& options);

  // Takes spans; returns how many of them there was no room for.
  [[nodiscard]] size_t Add(std::vector<Span> spans, absl::Time now);

  // The batch to send now, which stays here until one of the answers below;
  // empty: none is to be sent now, or one is under way.
  const std::vector<Span>& Next(absl::Time now);
  // When to ask Next again, unless spans are added or an answer comes before
  // that; infinite: not before.
  absl::Time NextDue() const;

  // What became of the batch that Next gave. It was taken, or refused for good;
  // either way it is forgotten.
  void OnDone();
  // It was not taken for now. `luck`: 0 to 1, random.
  void OnUnavailable(absl::Time now, double luck);

  // No more is gathered, and nothing waits for long: what is there leaves at
  // once, and again without backoff beyond the initial one.
  void Close() {
    closing_ = true;
    retry_at_ = absl::InfinitePast();
  }

  bool empty() const { return size() == 0; }
  // Spans that are kept.
  size_t size() const { return waiting_.size() + batch_.size(); }

 private:
  bool Full() const { return waiting_.size() >= options_.batch_spans; }

  const Options options_;
  std::deque<Span> waiting_;
  // When the first of them, if there is one, came.
  absl::Time since_ = absl::InfiniteFuture();
  // Under way, or to be tried again at `retry_at_`.
  std::vector<Span> batch_;
  bool under_way_ = false;
  absl::Time retry_at_ = absl::InfinitePast();
  Backoff backoff_;
  bool closing_ = false;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TRACES_SPAN_QUEUE_H_
