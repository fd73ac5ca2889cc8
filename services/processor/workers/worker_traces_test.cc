#include "services/processor/workers/worker_traces.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/worker/v1/worker.pb.h"
#include "wire/trace_context.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WorkerTracesTest : public testing::Test {
 protected:
  WorkerTracesTest() {
    for (uint64_t sequence = 11; sequence <= 15; ++sequence) {
      messages_.emplace_back().sequence = sequence;
    }
  }

  static std::string Trace(uint64_t sequence) {
    worker::v1::Trace trace;
    trace.set_sequence(sequence);
    trace.set_traceparent(
        wire::TraceContext{1, 2, sequence, true}.Traceparent());
    return trace.SerializeAsString();
  }

  bool Take(const std::vector<std::string>& encoded) {
    const std::vector<absl::string_view> views(encoded.begin(), encoded.end());
    return traces_.Take(views, messages_);
  }
  // The places of those among some messages; each has its message's own trace.
  std::vector<uint64_t> Places(size_t first, size_t count) {
    std::vector<uint64_t> places;
    for (const TracedMessage& traced : traces_.Of(first, count)) {
      EXPECT_EQ(traced.sequence, 11 + first + traced.index);
      EXPECT_EQ(traced.context.span_id, traced.sequence);
      places.push_back(traced.index);
    }
    return places;
  }

  std::vector<wire::MessageView> messages_;
  WorkerTraces traces_;
};

TEST_F(WorkerTracesTest, TracesFindTheirMessages) {
  ASSERT_TRUE(Take({Trace(11), Trace(13), Trace(15)}));
  EXPECT_THAT(Places(0, 5), ElementsAre(0, 2, 4));
}

TEST_F(WorkerTracesTest, APartOfTheMessagesHasItsOwnOnly) {
  ASSERT_TRUE(Take({Trace(11), Trace(12), Trace(13), Trace(14)}));
  EXPECT_THAT(Places(0, 1), ElementsAre(0));
  EXPECT_THAT(Places(1, 2), ElementsAre(0, 1));
  EXPECT_THAT(Places(3, 2), ElementsAre(0));
  EXPECT_THAT(Places(4, 1), IsEmpty());
}

TEST_F(WorkerTracesTest, WhatNamesNoMessageIsIgnored) {
  worker::v1::Trace nonsense;
  nonsense.set_sequence(12);
  nonsense.set_traceparent("nonsense");
  ASSERT_TRUE(
      Take({Trace(11), nonsense.SerializeAsString(), Trace(14), Trace(99)}));
  EXPECT_THAT(Places(0, 99), ElementsAre(0, 3));
}

TEST_F(WorkerTracesTest, AMessageHasOneTrace) {
  ASSERT_TRUE(Take({Trace(12), Trace(12)}));
  EXPECT_THAT(Places(0, 99), ElementsAre(1));
}

TEST_F(WorkerTracesTest, TheNextBatchHasItsOwn) {
  ASSERT_TRUE(Take({Trace(11)}));
  ASSERT_TRUE(Take({}));
  EXPECT_THAT(Places(0, 5), IsEmpty());
}

TEST_F(WorkerTracesTest, GarbageIsSaid) {
  EXPECT_FALSE(Take({Trace(11), "\xff"}));
}

}  // namespace
}  // namespace msgproc::processor
