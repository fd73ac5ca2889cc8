#include "services/processor/session/session_trace.h"

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/session/session_event.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Time kStart = absl::UnixEpoch();
constexpr uint64_t kId = 7;

SessionEvent Accepted(uint64_t through, absl::Time at = kStart) {
  return {.kind = SessionEvent::Kind::kAccepted, .at = at, .through = through};
}

std::vector<uint64_t> Of(const SessionTrace::Page& page) {
  std::vector<uint64_t> through;
  for (const SessionEvent& event : page.events) {
    through.push_back(event.through);
  }
  return through;
}

class SessionTraceTest : public testing::Test {
 protected:
  SessionTrace::Page Read(uint64_t trace, uint64_t through) {
    auto page = trace_.Read(trace, through, kStart);
    EXPECT_TRUE(page.has_value());
    return page ? *page : SessionTrace::Page();
  }

  SessionTrace trace_{kId, kStart};
};

TEST_F(SessionTraceTest, AReaderGetsEachEventOnce) {
  EXPECT_TRUE(trace_.Add(Accepted(10)));
  EXPECT_TRUE(trace_.Add(Accepted(20)));
  SessionTrace::Page page = Read(0, 0);
  EXPECT_EQ(page.trace, kId);
  EXPECT_EQ(page.through, 2U);
  EXPECT_EQ(page.dropped, 0U);
  EXPECT_THAT(Of(page), ElementsAre(10, 20));
  page = Read(kId, 2);
  EXPECT_THAT(Of(page), IsEmpty());
  EXPECT_EQ(page.through, 2U);
  EXPECT_EQ(page.dropped, 0U);
  trace_.Add(Accepted(30));
  page = Read(kId, 2);
  EXPECT_THAT(Of(page), ElementsAre(30));
  EXPECT_EQ(page.through, 3U);
}

TEST_F(SessionTraceTest, ReadersDoNotDisturbEachOther) {
  trace_.Add(Accepted(10));
  trace_.Add(Accepted(20));
  EXPECT_THAT(Of(Read(kId, 1)), ElementsAre(20));
  EXPECT_THAT(Of(Read(kId, 1)), ElementsAre(20));
  EXPECT_THAT(Of(Read(kId, 0)), ElementsAre(10, 20));
}

TEST_F(SessionTraceTest, AnotherTracesReaderBeginsWithWhatIsKept) {
  trace_.Add(Accepted(10));
  trace_.Add(Accepted(20));
  const SessionTrace::Page page = Read(kId - 1, 2);
  EXPECT_THAT(Of(page), ElementsAre(10, 20));
  EXPECT_EQ(page.dropped, 0U);
}

TEST_F(SessionTraceTest, AReaderThatClaimsTooMuchHasReadAll) {
  trace_.Add(Accepted(10));
  const SessionTrace::Page page = Read(kId, 99);
  EXPECT_THAT(Of(page), IsEmpty());
  EXPECT_EQ(page.through, 1U);
  EXPECT_EQ(page.dropped, 0U);
}

TEST_F(SessionTraceTest, TheOldestEventsGoAndAreCounted) {
  for (uint64_t i = 1; i <= SessionTrace::kMaxEvents; ++i) {
    trace_.Add(Accepted(i));
  }
  SessionTrace::Page page = Read(kId, 0);
  EXPECT_EQ(page.events.size(), SessionTrace::kMaxEvents);
  EXPECT_EQ(page.dropped, 0U);
  trace_.Add(Accepted(SessionTrace::kMaxEvents + 1));
  trace_.Add(Accepted(SessionTrace::kMaxEvents + 2));
  page = Read(kId, 1);
  EXPECT_EQ(page.events.size(), SessionTrace::kMaxEvents);
  EXPECT_EQ(page.events.front().through, 3U);
  EXPECT_EQ(page.events.back().through, SessionTrace::kMaxEvents + 2);
  EXPECT_EQ(page.through, SessionTrace::kMaxEvents + 2);
  EXPECT_EQ(page.dropped, 1U);
  EXPECT_EQ(Read(kId, 0).dropped, 2U);
  EXPECT_EQ(Read(kId, 2).dropped, 0U);
  EXPECT_EQ(Read(kId, 3).events.size(), SessionTrace::kMaxEvents - 1);
  // Who begins to read has missed nothing.
  page = Read(0, 0);
  EXPECT_EQ(page.dropped, 0U);
  EXPECT_EQ(page.events.size(), SessionTrace::kMaxEvents);
}

TEST_F(SessionTraceTest, IsOverOnceNobodyHasAskedForLong) {
  const absl::Time almost =
      kStart + SessionTrace::kPatience - absl::Nanoseconds(1);
  EXPECT_FALSE(trace_.Over(almost));
  EXPECT_TRUE(trace_.Add(Accepted(10, almost)));
  // Who asks keeps it going, but for a clock that was read before another's.
  ASSERT_TRUE(trace_.Read(kId, 0, almost));
  ASSERT_TRUE(trace_.Read(kId, 0, kStart));
  const absl::Time end = almost + SessionTrace::kPatience;
  EXPECT_FALSE(trace_.Over(end - absl::Nanoseconds(1)));
  EXPECT_TRUE(trace_.Over(end));
  EXPECT_FALSE(trace_.Read(kId, 0, end));
}

TEST_F(SessionTraceTest, StaysOverOnceWhoeverWritesWasToldSo) {
  EXPECT_FALSE(trace_.Add(Accepted(10, kStart + SessionTrace::kPatience)));
  EXPECT_TRUE(trace_.Over(kStart));
  EXPECT_FALSE(trace_.Read(kId, 0, kStart));
  EXPECT_FALSE(trace_.Add(Accepted(10)));
}

}  // namespace
}  // namespace msgproc::processor
