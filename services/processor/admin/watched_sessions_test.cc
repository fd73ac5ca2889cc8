#include "services/processor/admin/watched_sessions.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/session_event.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;
using Session = std::shared_ptr<HostedSession>;

class WatchedSessionsTest : public SessionFixture {
 protected:
  // The kinds of the events that were not read yet.
  std::vector<SessionEvent::Kind> News(const std::string& id,
                                       const Session& session) {
    std::vector<SessionEvent::Kind> kinds;
    const auto page = watched_.Read(id, session, trace_, through_);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return kinds;
    trace_ = page->events.trace;
    through_ = page->events.through;
    gone_ = page->gone;
    for (const SessionEvent& event : page->events.events) {
      kinds.push_back(event.kind);
    }
    return kinds;
  }

  std::vector<Session> NewSessions(size_t count) {
    std::vector<Session> sessions;
    for (size_t i = 0; i < count; ++i) {
      sessions.push_back(NewSession(&inline_, absl::StrCat("s", i)));
    }
    return sessions;
  }

  WatchedSessions watched_{&clock_};
  uint64_t trace_ = 0;
  uint64_t through_ = 0;
  bool gone_ = false;
};

TEST_F(WatchedSessionsTest, ASessionIsFollowedFromTheFirstReadOn) {
  const Session session = NewSession(&inline_);
  EXPECT_THAT(News("s", session), testing::IsEmpty());
  Attach(session.get());
  EXPECT_THAT(News("s", session),
              testing::ElementsAre(SessionEvent::Kind::kOpened));
  EXPECT_THAT(News("s", session), testing::IsEmpty());
  EXPECT_FALSE(gone_);
}

TEST_F(WatchedSessionsTest, DatesGoByTheWallClock) {
  const Session session = NewSession(&inline_);
  const auto page = watched_.Read("s", session, 0, 0);
  ASSERT_TRUE(page.ok());
  const absl::Duration off = clock_.Now() + page->to_date - absl::Now();
  EXPECT_LT(absl::AbsDuration(off), absl::Minutes(1));
}

TEST_F(WatchedSessionsTest, LastEventsAreReadOnceTheSessionHasGone) {
  Session session = NewSession(&inline_);
  News("s", session);
  const Stream stream = Attach(session.get());
  session->NoteEnd(stream.get(), 0, "");
  session->Detach(stream.get());
  const std::weak_ptr<HostedSession> gone = session;
  session.reset();
  // It is not kept for its reader.
  EXPECT_TRUE(gone.expired());
  EXPECT_THAT(News("s", nullptr),
              testing::ElementsAre(SessionEvent::Kind::kOpened,
                                   SessionEvent::Kind::kStreamEnded));
  EXPECT_TRUE(gone_);
  // One of the same name that comes is followed on.
  session = NewSession(&inline_);
  const uint64_t before = trace_;
  EXPECT_THAT(News("s", session), testing::IsEmpty());
  EXPECT_FALSE(gone_);
  Attach(session.get());
  EXPECT_THAT(News("s", session),
              testing::ElementsAre(SessionEvent::Kind::kOpened));
  EXPECT_EQ(trace_, before);
}

TEST_F(WatchedSessionsTest, WhatNobodyReadsEnds) {
  const Session session = NewSession(&inline_);
  News("s", session);
  const uint64_t before = trace_;
  clock_.Advance(SessionTrace::kPatience);
  EXPECT_EQ(watched_.Read("s", nullptr, 0, 0).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(News("s", session), testing::IsEmpty());
  EXPECT_NE(trace_, before);
}

TEST_F(WatchedSessionsTest, NoMoreThanSomeAreFollowedAtOnce) {
  const std::vector<Session> sessions =
      NewSessions(WatchedSessions::kMaxTraced + 1);
  for (size_t i = 0; i < WatchedSessions::kMaxTraced; ++i) {
    ASSERT_TRUE(watched_.Read(absl::StrCat("s", i), sessions[i], 0, 0).ok());
  }
  const std::string last = sessions.back()->identity().id;
  const auto refused = watched_.Read(last, sessions.back(), 0, 0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("8 sessions are traced already"));
  // Those that are followed are so still.
  EXPECT_TRUE(watched_.Read("s0", sessions[0], 0, 0).ok());
  clock_.Advance(SessionTrace::kPatience);
  EXPECT_TRUE(watched_.Read(last, sessions.back(), 0, 0).ok());
}

TEST_F(WatchedSessionsTest, NoMoreThanSomeAreLoggedAtOnce) {
  std::vector<Session> sessions = NewSessions(WatchedSessions::kMaxLogged + 1);
  for (size_t i = 0; i < WatchedSessions::kMaxLogged; ++i) {
    ASSERT_EQ(*watched_.Log(sessions[i], true), false);
  }
  // Twice counts once.
  EXPECT_EQ(*watched_.Log(sessions[0], true), true);
  const auto refused = watched_.Log(sessions.back(), true);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("16 sessions are logged at debug already"));
  EXPECT_EQ(*watched_.Log(sessions.back(), false), false);
  // One that is set back makes room, and so does one that has ended.
  EXPECT_EQ(*watched_.Log(sessions[3], false), true);
  EXPECT_EQ(*watched_.Log(sessions.back(), true), false);
  EXPECT_FALSE(watched_.Log(sessions[3], true).ok());
  sessions.erase(sessions.begin());
  EXPECT_EQ(*watched_.Log(sessions[2], true), false);
}

}  // namespace
}  // namespace msgproc::processor
