#include "services/base/traces/span_queue.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SpanQueueTest : public testing::Test {
 protected:
  // Adds so many spans, named by number; returns how many were dropped.
  size_t Add(int count) {
    std::vector<Span> spans;
    for (int i = 0; i < count; ++i) {
      spans.emplace_back().name = absl::StrCat(next_++);
    }
    return queue_.Add(std::move(spans), now_);
  }
  std::vector<std::string> Next() {
    std::vector<std::string> names;
    for (const Span& span : queue_.Next(now_)) names.push_back(span.name);
    return names;
  }
  // How long until Next has something, if nothing happens.
  absl::Duration Wait() const { return queue_.NextDue() - now_; }

  const SpanQueue::Options options_ = {
      .max_spans = 10,
      .batch_spans = 3,
      .batch_delay = absl::Seconds(1),
      .initial_backoff = absl::Milliseconds(500),
      .max_backoff = absl::Milliseconds(1500)};
  SpanQueue queue_{options_};
  absl::Time now_ = absl::FromUnixSeconds(1000);
  int next_ = 1;
};

TEST_F(SpanQueueTest, AnEmptyOneHasNothingToDo) {
  EXPECT_TRUE(queue_.empty());
  EXPECT_THAT(Next(), IsEmpty());
  EXPECT_EQ(queue_.NextDue(), absl::InfiniteFuture());
}

TEST_F(SpanQueueTest, AFewSpansWaitForOthers) {
  EXPECT_EQ(Add(1), 0u);
  EXPECT_EQ(Wait(), absl::Seconds(1));
  now_ += absl::Milliseconds(600);
  EXPECT_EQ(Add(1), 0u);
  // From the first on.
  EXPECT_EQ(Wait(), absl::Milliseconds(400));
  EXPECT_THAT(Next(), IsEmpty());
  now_ += absl::Milliseconds(400);
  EXPECT_THAT(Next(), ElementsAre("1", "2"));
  EXPECT_EQ(queue_.size(), 2u);
  queue_.OnDone();
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.NextDue(), absl::InfiniteFuture());
}

TEST_F(SpanQueueTest, AFullBatchLeavesAtOnce) {
  Add(2);
  EXPECT_THAT(Next(), IsEmpty());
  Add(2);
  EXPECT_THAT(Next(), ElementsAre("1", "2", "3"));
}

TEST_F(SpanQueueTest, OneBatchIsUnderWayAtATime) {
  Add(7);
  EXPECT_THAT(Next(), ElementsAre("1", "2", "3"));
  EXPECT_THAT(Next(), IsEmpty());
  EXPECT_EQ(queue_.NextDue(), absl::InfiniteFuture());
  EXPECT_EQ(queue_.size(), 7u);
  now_ += absl::Milliseconds(300);
  queue_.OnDone();
  EXPECT_THAT(Next(), ElementsAre("4", "5", "6"));
  queue_.OnDone();
  // What is left begins to wait when the batch before it left.
  EXPECT_EQ(Wait(), absl::Seconds(1));
  EXPECT_THAT(Next(), IsEmpty());
  now_ += absl::Seconds(1);
  EXPECT_THAT(Next(), ElementsAre("7"));
}

TEST_F(SpanQueueTest, WhatThereIsNoRoomForIsDropped) {
  EXPECT_EQ(Add(8), 0u);
  EXPECT_EQ(Add(5), 3u);
  EXPECT_EQ(queue_.size(), 10u);
  EXPECT_EQ(Add(1), 1u);
  // What is under way takes room until it is done.
  EXPECT_THAT(Next(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(Add(1), 1u);
  queue_.OnDone();
  EXPECT_EQ(Add(4), 1u);
  EXPECT_THAT(Next(), ElementsAre("4", "5", "6"));
}

TEST_F(SpanQueueTest, ABatchThatWasNotTakenIsTriedAgain) {
  Add(4);
  Next();
  queue_.OnUnavailable(now_, 1);
  EXPECT_EQ(Wait(), absl::Milliseconds(500));
  EXPECT_THAT(Next(), IsEmpty());
  now_ += absl::Milliseconds(500);
  EXPECT_THAT(Next(), ElementsAre("1", "2", "3"));
}

TEST_F(SpanQueueTest, TriesBecomeRarerUpToABound) {
  Add(3);
  for (const int milliseconds : {500, 1000, 1500, 1500}) {
    Next();
    queue_.OnUnavailable(now_, 1);
    EXPECT_EQ(Wait(), absl::Milliseconds(milliseconds));
    now_ = queue_.NextDue();
  }
  EXPECT_THAT(Next(), ElementsAre("1", "2", "3"));
  queue_.OnDone();
  // The next one begins anew.
  Add(3);
  Next();
  queue_.OnUnavailable(now_, 1);
  EXPECT_EQ(Wait(), absl::Milliseconds(500));
}

TEST_F(SpanQueueTest, LuckSpreadsTries) {
  Add(3);
  Next();
  queue_.OnUnavailable(now_, 0.25);
  EXPECT_EQ(Wait(), absl::Milliseconds(125));
  Next();
  now_ += absl::Milliseconds(125);
  Next();
  queue_.OnUnavailable(now_, 0);
  EXPECT_EQ(Wait(), absl::ZeroDuration());
}

TEST_F(SpanQueueTest, NothingWaitsWhereItCloses) {
  Add(1);
  EXPECT_THAT(Next(), IsEmpty());
  queue_.Close();
  EXPECT_THAT(Next(), ElementsAre("1"));
  queue_.OnDone();
  EXPECT_EQ(queue_.NextDue(), absl::InfiniteFuture());
}

TEST_F(SpanQueueTest, ClosingDoesNotWaitForALongBackoff) {
  Add(4);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Next(), ElementsAre("1", "2", "3"));
    queue_.OnUnavailable(now_, 1);
    now_ = queue_.NextDue();
  }
  Next();
  queue_.OnUnavailable(now_, 1);
  EXPECT_THAT(Next(), IsEmpty());
  queue_.Close();
  EXPECT_THAT(Next(), ElementsAre("1", "2", "3"));
  queue_.OnUnavailable(now_, 1);
  EXPECT_EQ(Wait(), absl::Milliseconds(500));
}

}  // namespace
}  // namespace msgproc::base
