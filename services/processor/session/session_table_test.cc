#include "services/processor/session/session_table.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/process_limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;
using State = Session::State;

const std::string kToken(16, 't');  // NOLINT(cert-err58-cpp)

class SessionTableTest : public SessionFixture {
 protected:
  SessionTableTest() { binding_.executor = &manual_; }
  ~SessionTableTest() override { manual_.DropAll(); }

  SessionTable& table() {
    if (table_ == nullptr) {
      table_ = std::make_unique<SessionTable>(options_, &counters_, &clock_);
    }
    return *table_;
  }

  absl::StatusOr<SessionTable::Opened> Open(const std::string& id,
                                            const Stream& stream,
                                            uint64_t received_through = 0,
                                            const std::string& token = kToken) {
    return table().Open({.session_id = id,
                         .session_token = token,
                         .received_through = received_through},
                        &binding_, stream);
  }

  // An Open of a client that numbers them.
  absl::StatusOr<SessionTable::Opened> OpenNumbered(
      const Stream& stream, uint64_t instance, uint64_t attempt,
      uint64_t received_through = 0) {
    return table().Open(
        {.session_id = "a",
         .session_token = kToken,
         .received_through = received_through,
         .generation = {.instance = instance, .attempt = attempt}},
        &binding_, stream);
  }

  // Opens, sends, detaches.
  std::shared_ptr<HostedSession> Leave(const std::string& id,
                                       const v1::ProcessRequest& request) {
    const auto stream = std::make_shared<FakeAttachedStream>();
    const auto opened = Open(id, stream);
    EXPECT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(Send(opened->session.get(), stream, request).ok());
    manual_.CompleteAll();
    table().Detach(opened->session, stream.get(), false);
    return opened->session;
  }

  State StateOf(const std::string& id, uint64_t received_through = 0) {
    return Open(id, std::make_shared<FakeAttachedStream>(), received_through)
        ->attached.opening.state;
  }

  SessionTable::Options options_ = {.session_ttl = absl::Seconds(60),
                                    .max_detached_bytes = 1 << 20};
  std::unique_ptr<SessionTable> table_;
  const Stream stream_ = std::make_shared<FakeAttachedStream>();
};

TEST_F(SessionTableTest, OpensResumesAndLoses) {
  EXPECT_EQ(StateOf("a"), State::kNew);
  EXPECT_EQ(StateOf("a"), State::kResumed);
  EXPECT_EQ(StateOf("a", 5), State::kLost);
  EXPECT_EQ(StateOf("a", 5), State::kResumed);
  EXPECT_EQ(StateOf("b", 5), State::kLost);
  EXPECT_EQ(counters_.sessions_opened, 1U);
  EXPECT_EQ(counters_.sessions_resumed, 2U);
  EXPECT_EQ(counters_.sessions_lost, 2U);
  EXPECT_EQ(counters_.sessions_attached, 2);
}

TEST_F(SessionTableTest, OperatorsSeeEachSessionOnce) {
  EXPECT_TRUE(table().All().empty());
  EXPECT_EQ(table().Find("s0"), nullptr);
  std::set<std::string> expected;
  // More than are looked at at a time.
  for (int i = 0; i < 1500; ++i) {
    const std::string id = absl::StrCat("s", i);
    ASSERT_TRUE(Open(id, std::make_shared<FakeAttachedStream>()).ok());
    expected.insert(id);
  }
  std::set<std::string> seen;
  for (const auto& session : table().All()) {
    EXPECT_TRUE(seen.insert(session->identity().id).second);
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(table().Find("s7")->identity().id, "s7");
}

TEST_F(SessionTableTest, OperatorsForgetWhatNoStreamHas) {
  EXPECT_TRUE(absl::IsNotFound(table().ForgetDetached("a")));
  const auto opened = Open("a", stream_);
  EXPECT_TRUE(absl::IsFailedPrecondition(table().ForgetDetached("a")));
  // A handler has its message, still.
  ASSERT_TRUE(Send(opened->session.get(), stream_, Messages(1, 1)).ok());
  table().Detach(opened->session, stream_.get(), false);
  EXPECT_TRUE(absl::IsFailedPrecondition(table().ForgetDetached("a")));
  manual_.CompleteAll();
  EXPECT_TRUE(table().ForgetDetached("a").ok());
  EXPECT_EQ(table().Find("a"), nullptr);
  EXPECT_EQ(counters_.sessions_detached, 0);
  EXPECT_EQ(StateOf("a"), State::kNew);
}

TEST_F(SessionTableTest, MakesNamesAndTokensForThoseWhoBringNone) {
  std::set<std::string> ids;
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const auto opened = Open("", std::make_shared<FakeAttachedStream>(), 0, "");
    ASSERT_TRUE(opened.ok());
    const HostedSession::Identity& identity = opened->session->identity();
    EXPECT_EQ(identity.id.size(), 32U);
    EXPECT_EQ(identity.token.size(), 32U);
    ids.insert(identity.id);
    tokens.insert(identity.token);
    // They are good for resuming.
    EXPECT_EQ(
        Open(identity.id, stream_, 0, identity.token)->attached.opening.state,
        State::kResumed);
  }
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_EQ(tokens.size(), 100U);
}

TEST_F(SessionTableTest, AWrongTokenOpensNothingAndDisturbsNobody) {
  const auto opened = Open("a", stream_);
  ASSERT_TRUE(opened.ok());
  for (const std::string& token :
       {std::string(16, 'x'), kToken + "t", std::string()}) {
    const auto refused =
        Open("a", std::make_shared<FakeAttachedStream>(), 0, token);
    EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
  }
  EXPECT_EQ(stream_->taken_over, 0);
  EXPECT_TRUE(Send(opened->session.get(), stream_, Messages(1, 1)).ok());
}

TEST_F(SessionTableTest, RefusesWhatIsMalformed) {
  EXPECT_TRUE(Open(std::string(128, 'i'), stream_).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(Open(std::string(129, 'i'), stream_).status()));
  EXPECT_TRUE(Open("b", stream_, 0, std::string(64, 't')).ok());
  for (const size_t bytes : {1U, 15U, 65U}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        Open("c", stream_, 0, std::string(bytes, 't')).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Open("c", stream_, UINT64_MAX).status()));
  const auto named = table().Open(
      {.session_token = kToken, .client_name = std::string(257, 'n')},
      &binding_, stream_);
  EXPECT_TRUE(absl::IsInvalidArgument(named.status()));
  const auto resumed = table().Open(
      {.session_token = kToken, .received_through = 1, .has_messages = true},
      &binding_, stream_);
  EXPECT_THAT(std::string(resumed.status().message()),
              HasSubstr("Only a session's first Open"));
  EXPECT_EQ(counters_.sessions_attached, 2);
}

TEST_F(SessionTableTest, TakesWhatIsAsLongAsItMayBe) {
  EXPECT_TRUE(
      table()
          .Open({.session_token = kToken, .client_name = std::string(256, 'n')},
                &binding_, stream_)
          .ok());
  EXPECT_EQ(StateOf("a", uint64_t{1} << 62), State::kLost);
  EXPECT_TRUE(absl::IsInvalidArgument(
      Open("b", stream_, (uint64_t{1} << 62) + 1).status()));
  EXPECT_TRUE(table()
                  .Open({.session_token = kToken, .has_messages = true},
                        &binding_, stream_)
                  .ok())
      << "a first Open may carry messages along";
}

TEST_F(SessionTableTest, AnUnknownHandlerMattersToNewSessionsOnly) {
  const absl::Status unknown = absl::NotFoundError("no such handler");
  const SessionTable::Request request = {.session_id = "a",
                                         .session_token = kToken};
  EXPECT_EQ(table().Open(request, unknown, stream_).status(), unknown);
  EXPECT_EQ(counters_.sessions_attached, 0);
  EXPECT_EQ(StateOf("a"), State::kNew);
  EXPECT_TRUE(table().Open(request, unknown, stream_).ok());
}

TEST_F(SessionTableTest, AClientThatWasSentHereHasLostNothing) {
  const auto open = [&](const std::string& id, uint64_t received_through) {
    return table()
        .Open({.session_id = id,
               .session_token = kToken,
               .received_through = received_through,
               .moved = true},
              &binding_, std::make_shared<FakeAttachedStream>())
        ->attached.opening.state;
  };
  // What the client is told is the same.
  EXPECT_EQ(open("a", 5), State::kLost);
  EXPECT_EQ(open("b", 0), State::kNew);
  EXPECT_EQ(counters_.sessions_moved, 2U);
  EXPECT_EQ(open("a", 5), State::kResumed);
  EXPECT_EQ(counters_.sessions_resumed, 1U);
  EXPECT_EQ(counters_.sessions_moved, 2U);
  EXPECT_EQ(counters_.sessions_lost, 0U);
  EXPECT_EQ(counters_.sessions_opened, 0U);
}

TEST_F(SessionTableTest, AnOpenThatArrivesLateTakesNothingOver) {
  ASSERT_TRUE(OpenNumbered(stream_, 7, 2).ok());
  const auto late = OpenNumbered(std::make_shared<FakeAttachedStream>(), 7, 1);
  EXPECT_TRUE(absl::IsAborted(late.status()));
  EXPECT_THAT(std::string(late.status().message()),
              HasSubstr("attempt 1 of its client, came after attempt 2"));
  EXPECT_EQ(stream_->taken_over, 0);
  EXPECT_EQ(counters_.sessions_late, 1U);
  EXPECT_EQ(counters_.takeovers, 0U);
  EXPECT_EQ(counters_.sessions_resumed, 0U);
  EXPECT_EQ(counters_.sessions_attached, 1);
  // The next one does, and is what others are late behind.
  const auto newer = std::make_shared<FakeAttachedStream>();
  ASSERT_TRUE(OpenNumbered(newer, 7, 4).ok());
  EXPECT_EQ(stream_->taken_over, 1);
  EXPECT_TRUE(absl::IsAborted(OpenNumbered(stream_, 7, 3).status()));
  EXPECT_EQ(newer->taken_over, 0);
}

TEST_F(SessionTableTest, AnOpenThatArrivesLateDoesNotLoseADetachedSession) {
  const auto opened = OpenNumbered(stream_, 7, 2, 5);
  ASSERT_TRUE(opened.ok());
  table().Detach(opened->session, stream_.get(), false);
  EXPECT_TRUE(absl::IsAborted(
      OpenNumbered(std::make_shared<FakeAttachedStream>(), 7, 1, 4).status()));
  EXPECT_EQ(counters_.sessions_detached, 1);
  EXPECT_EQ(OpenNumbered(stream_, 7, 3, 5)->attached.opening.state,
            State::kResumed);
}

TEST_F(SessionTableTest, WhoDoesNotSayHowOftenItCameTakesOverAsEver) {
  struct Case {
    uint64_t instance;
    uint64_t attempt;
  };
  // Another client, one of an earlier version, and ones that say half of it or
  // the same again.
  for (const Case& c :
       {Case{8, 1}, Case{0, 0}, Case{0, 1}, Case{7, 0}, Case{7, 2}}) {
    const auto older = std::make_shared<FakeAttachedStream>();
    ASSERT_TRUE(OpenNumbered(older, 7, 2).ok());
    const auto newer = std::make_shared<FakeAttachedStream>();
    EXPECT_TRUE(OpenNumbered(newer, c.instance, c.attempt).ok());
    EXPECT_EQ(older->taken_over, 1) << c.instance << "/" << c.attempt;
    // It goes by the last one that had the session.
    if (c.instance != 7) {
      EXPECT_TRUE(OpenNumbered(older, 7, 1).ok());
    }
    ASSERT_TRUE(OpenNumbered(older, 9, 1).ok());
  }
}

TEST_F(SessionTableTest, ALateOpenWithTheWrongTokenIsToldOfThatAlone) {
  ASSERT_TRUE(OpenNumbered(stream_, 7, 2).ok());
  const auto refused =
      table().Open({.session_id = "a",
                    .session_token = std::string(16, 'x'),
                    .generation = {.instance = 7, .attempt = 1}},
                   &binding_, std::make_shared<FakeAttachedStream>());
  EXPECT_TRUE(absl::IsPermissionDenied(refused.status()));
}

TEST_F(SessionTableTest, TellsTheStreamThatIsTakenOver) {
  ASSERT_TRUE(Open("a", stream_).ok());
  const auto newer = std::make_shared<FakeAttachedStream>();
  const auto opened = Open("a", newer);
  EXPECT_EQ(stream_->taken_over, 1);
  EXPECT_EQ(newer->taken_over, 0);
  EXPECT_EQ(counters_.takeovers, 1U);
  EXPECT_EQ(counters_.sessions_attached, 1);
  // The older stream's end is not the session's.
  table().Detach(opened->session, stream_.get(), true);
  EXPECT_EQ(counters_.sessions_attached, 1);
  EXPECT_TRUE(Send(opened->session.get(), newer, Messages(1, 1)).ok());
}

TEST_F(SessionTableTest, AnAnonymousSessionEndsWithItsStream) {
  const auto session = NewSession(&manual_, "");
  const Stream stream = Attach(session.get());
  ASSERT_TRUE(Send(session.get(), stream, Messages(0, 1)).ok());
  ASSERT_EQ(manual_.held(), 1U);
  EXPECT_TRUE(manual_.batch(0).Wanted());
  table().Detach(session, stream.get(), false);
  EXPECT_FALSE(manual_.batch(0).Wanted());
  EXPECT_EQ(counters_.sessions_detached, 0);
}

TEST_F(SessionTableTest, HandlersAreToldTheSessionAndItsClient) {
  const auto opened = table().Open(
      {.session_id = "a", .session_token = kToken, .client_name = "shop"},
      &binding_, stream_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_TRUE(Send(opened->session.get(), stream_, Messages(1, 1)).ok());
  ASSERT_EQ(manual_.held(), 1U);
  EXPECT_EQ(manual_.batch(0).context->session_id, "a");
  EXPECT_EQ(manual_.batch(0).context->client_name, "shop");
}

TEST_F(SessionTableTest, AFinishedSessionIsForgottenOnceAllIsReceived) {
  const auto opened = Open("a", stream_);
  ASSERT_TRUE(Send(opened->session.get(), stream_, Messages(1, 2)).ok());
  manual_.CompleteAll();
  EXPECT_EQ(Take(opened->session.get(), stream_), Range(1, 2));
  ASSERT_TRUE(Acknowledge(opened->session.get(), stream_, 2).ok());
  table().Detach(opened->session, stream_.get(), true);
  EXPECT_EQ(counters_.sessions_attached, 0);
  EXPECT_EQ(counters_.sessions_detached, 0);
  EXPECT_EQ(StateOf("a"), State::kNew);
}

TEST_F(SessionTableTest, AFinishedSessionStaysUntilAllIsReceived) {
  const auto opened = Open("a", stream_);
  ASSERT_TRUE(Send(opened->session.get(), stream_, Messages(1, 2)).ok());
  manual_.CompleteAll();
  EXPECT_EQ(Take(opened->session.get(), stream_), Range(1, 2));
  table().Detach(opened->session, stream_.get(), true);
  EXPECT_EQ(counters_.sessions_detached, 1);
  EXPECT_EQ(StateOf("a"), State::kResumed);
}

TEST_F(SessionTableTest, ABrokenSessionStaysThoughAllIsReceived) {
  Leave("a", {});
  EXPECT_EQ(counters_.sessions_detached, 1);
  EXPECT_EQ(StateOf("a"), State::kResumed);
}

TEST_F(SessionTableTest, DetachedSessionsExpire) {
  Leave("a", Messages(1, 1));
  clock_.Advance(absl::Seconds(30));
  Leave("b", Messages(1, 1));
  ASSERT_TRUE(Open("attached", stream_).ok());
  clock_.Advance(absl::Seconds(29));
  table().Sweep();
  EXPECT_EQ(counters_.sessions_detached, 2);
  clock_.Advance(absl::Seconds(1));
  table().Sweep();
  EXPECT_EQ(counters_.sessions_detached, 1);
  EXPECT_EQ(counters_.sessions_expired, 1U);
  EXPECT_EQ(StateOf("a"), State::kNew);
  EXPECT_EQ(StateOf("b"), State::kResumed);
  clock_.Advance(absl::Hours(1));
  table().Sweep();
  EXPECT_EQ(StateOf("attached"), State::kResumed);
}

TEST_F(SessionTableTest, ResumingStartsTheTimeAnew) {
  Leave("a", Messages(1, 1));
  clock_.Advance(absl::Seconds(59));
  Leave("a", Messages(2, 1));
  clock_.Advance(absl::Seconds(59));
  table().Sweep();
  EXPECT_EQ(StateOf("a"), State::kResumed);
}

TEST_F(SessionTableTest, TheOldestDetachedGoWhenTheyHoldTooMuch) {
  options_.max_detached_bytes = 500'000;
  for (const char* id : {"a", "b", "c"}) {
    Leave(id, Messages(1, 20, 10'000));
  }
  table().Sweep();
  EXPECT_EQ(counters_.sessions_evicted, 1U);
  EXPECT_LE(counters_.detached_bytes, 500'000);
  EXPECT_EQ(StateOf("b"), State::kResumed);
  EXPECT_EQ(StateOf("c"), State::kResumed);
  // A client that has received something is told that it lost the session.
  EXPECT_EQ(StateOf("a", 3), State::kLost);
}

TEST_F(SessionTableTest, EvenEmptySessionsCount) {
  options_.max_detached_bytes = 10 * SessionTable::kSessionBytes;
  for (int i = 0; i < 100; ++i) Leave(absl::StrCat("s", i), {});
  table().Sweep();
  EXPECT_LE(counters_.sessions_detached, 10);
  EXPECT_EQ(StateOf("s99"), State::kResumed);
  EXPECT_EQ(StateOf("s0"), State::kNew);
}

// The sum as it would be counted anew.
TEST_F(SessionTableTest, TheSumOfDetachedBytesIsKept) {
  std::vector<std::shared_ptr<HostedSession>> sessions;
  for (uint64_t i = 0; i < 20; ++i) {
    sessions.push_back(
        Leave(absl::StrCat("s", i), Messages(1, i + 1, 100 * i)));
  }
  const auto expect_sum = [&](size_t first) {
    size_t sum = 0;
    for (size_t i = first; i < sessions.size(); ++i) {
      sum += sessions[i]->holding().bytes + SessionTable::kSessionBytes;
    }
    table().Sweep();
    EXPECT_EQ(counters_.detached_bytes, static_cast<int64_t>(sum));
  };
  expect_sum(0);
  // Attached again: it does not count.
  EXPECT_TRUE(Open("s0", stream_).ok());
  expect_sum(1);
  clock_.Advance(absl::Minutes(3));
  table().Sweep();
  EXPECT_EQ(counters_.detached_bytes, 0);
}

TEST_F(SessionTableTest, ResultsThatAreMadeAfterTheStreamEndedAreCounted) {
  const auto opened = Open("a", stream_);
  ASSERT_TRUE(
      Send(opened->session.get(), stream_, Messages(1, 8, 10'000)).ok());
  table().Detach(opened->session, stream_.get(), false);
  manual_.CompleteAll();
  table().Sweep();
  EXPECT_EQ(counters_.detached_bytes,
            static_cast<int64_t>(opened->session->holding().bytes +
                                 SessionTable::kSessionBytes));
  EXPECT_GT(counters_.detached_bytes, 80'000);
}

TEST_F(SessionTableTest, WhatIsAttachedAgainIsNotCountedWhenItsResultsCome) {
  const auto opened = Open("a", stream_);
  ASSERT_TRUE(
      Send(opened->session.get(), stream_, Messages(1, 8, 10'000)).ok());
  table().Detach(opened->session, stream_.get(), false);
  ASSERT_TRUE(Open("a", stream_).ok());
  manual_.CompleteAll();
  table().Sweep();
  EXPECT_EQ(counters_.detached_bytes, 0);
}

TEST_F(SessionTableTest, DetachedSessionsMayHoldAllThatTheyMay) {
  Leave("a", Messages(1, 20, 10'000));
  table().Sweep();
  const int64_t one = counters_.detached_bytes;
  table_.reset();
  counters_.sessions_detached = 0;
  options_.max_detached_bytes = static_cast<size_t>(3 * one);
  for (const char* id : {"a", "b", "c"}) Leave(id, Messages(1, 20, 10'000));
  table().Sweep();
  EXPECT_EQ(counters_.sessions_evicted, 0U);
  EXPECT_EQ(counters_.sessions_detached, 3);
  Leave("d", {});
  table().Sweep();
  EXPECT_EQ(counters_.sessions_evicted, 1U);
}

TEST_F(SessionTableTest, AnExpiredSessionWorksNoMore) {
  const auto opened = Open("a", stream_);
  ASSERT_TRUE(Send(opened->session.get(), stream_, Messages(1, 20)).ok());
  ASSERT_EQ(manual_.held(), 4U);
  table().Detach(opened->session, stream_.get(), false);
  clock_.Advance(absl::Seconds(60));
  table().Sweep();
  manual_.CompleteAll();
  EXPECT_EQ(counters_.messages_ok, 8U);
  EXPECT_EQ(counters_.outstanding, 0);
}

TEST_F(SessionTableTest, HoldsNoStreamThatHasEnded) {
  auto stream = std::make_shared<FakeAttachedStream>();
  const std::weak_ptr<FakeAttachedStream> weak = stream;
  auto session = Open("a", stream)->session;
  table().Detach(session, stream.get(), false);
  stream.reset();
  EXPECT_TRUE(weak.expired());
}

// Many streams open the same few sessions: each has one owner in the end, and
// the counters agree.
TEST_F(SessionTableTest, ConcurrentOpensLeaveOneOwnerEach) {
  constexpr int kThreads = 4;
  constexpr int kOpens = 300;
  table();
  std::vector<std::vector<Stream>> streams(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &streams] {
      for (int i = 0; i < kOpens; ++i) {
        auto stream = std::make_shared<FakeAttachedStream>();
        auto opened = Open(absl::StrCat("s", i % 3), stream);
        ASSERT_TRUE(opened.ok());
        streams[static_cast<size_t>(t)].push_back(stream);
        if (i % 5 == 0) {
          table_->Detach(opened->session, stream.get(), i % 2 == 0);
        }
        if (i % 50 == 0) table_->Sweep();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters_.sessions_attached + counters_.sessions_detached, 3);
  int left = 0;
  for (int i = 0; i < 3; ++i) {
    const auto last = std::make_shared<FakeAttachedStream>();
    const auto opened = Open(absl::StrCat("s", i), last);
    table().Detach(opened->session, last.get(), true);
  }
  EXPECT_EQ(counters_.sessions_attached, 0);
  EXPECT_EQ(counters_.sessions_detached, 0);
  for (const auto& mine : streams) {
    for (const Stream& stream : mine) {
      EXPECT_LE(stream->taken_over, 1);
      left += stream.use_count() > 1 ? 1 : 0;
    }
  }
  EXPECT_EQ(left, 0);
}

// Opens and sends; the handler does not come to it.
v1::ProcessRequest Large(size_t bytes) {
  v1::ProcessRequest request;
  v1::Message* const message = request.add_messages();
  message->set_sequence(1);
  message->set_payload(std::string(bytes, 'x'));
  return request;
}

TEST_F(SessionTableTest, BeyondTheMemoryBudgetNoNewSessionComes) {
  options_.memory_budget = 1 << 20;
  limits_.max_payload_bytes = options_.limits.max_payload_bytes = 2 << 20;
  const auto stream = std::make_shared<FakeAttachedStream>();
  const auto held = Open("a", stream);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_FALSE(held->session->AtLimit());
  ASSERT_TRUE(Send(held->session.get(), stream, Large(3 << 19)).ok());
  EXPECT_GT(table().memory()->used(), size_t{3} << 19);
  EXPECT_TRUE(held->session->AtLimit());
  EXPECT_TRUE(held->session->AtLimit());
  EXPECT_EQ(counters_.memory_pauses, 1U);

  const auto other = std::make_shared<FakeAttachedStream>();
  const absl::Status refused = Open("b", other).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1048576"));
  EXPECT_EQ(table().MakeRoom().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(counters_.memory_refusals, 2U);
  // Who has a session gets it back.
  const auto again = std::make_shared<FakeAttachedStream>();
  ASSERT_TRUE(Open("a", again).ok());

  // Its results are there: an acknowledgement, which it has to read, frees
  // them.
  manual_.CompleteAll();
  EXPECT_TRUE(held->session->AtLimit());
  EXPECT_FALSE(held->session->Starves());
  EXPECT_EQ(Take(held->session.get(), again), std::vector<uint64_t>{1});
  EXPECT_TRUE(held->session->AtLimit(/*unread=*/true));
  ASSERT_TRUE(Acknowledge(held->session.get(), again, 1).ok());
  EXPECT_FALSE(held->session->AtLimit(/*unread=*/true));
  EXPECT_EQ(table().memory()->used(), SessionTable::kSessionBytes);
  EXPECT_TRUE(Open("b", other).ok());
}

TEST_F(SessionTableTest, WhatAnExecutorHasCounts) {
  options_.memory_budget = 1 << 20;
  const auto stream = std::make_shared<FakeAttachedStream>();
  const auto held = Open("a", stream);
  ASSERT_TRUE(Send(held->session.get(), stream, Large(1 << 19)).ok());
  ASSERT_EQ(held->session->holding().bytes, 0U);
  EXPECT_GE(table().memory()->used(), size_t{1} << 19);
  // Also where nobody waits for it any more.
  held->session->Abandon();
  EXPECT_GE(table().memory()->used(), size_t{1} << 19);
  manual_.CompleteAll();
  EXPECT_LT(table().memory()->used(), size_t{1} << 20);
  table().Detach(held->session, stream.get(), false);
  EXPECT_EQ(table().memory()->used(), SessionTable::kSessionBytes);
}

TEST_F(SessionTableTest, SoDoesTheFrameThatMayBeOnItsWay) {
  options_.memory_budget = 8 << 20;
  const auto stream = std::make_shared<FakeAttachedStream>();
  const auto held = Open("a", stream);
  ASSERT_TRUE(Send(held->session.get(), stream, Large(1 << 19)).ok());
  // Going by the one before.
  EXPECT_GE(table().memory()->used(), size_t{1} << 20);
  ASSERT_TRUE(Acknowledge(held->session.get(), stream, 0).ok());
  EXPECT_LT(table().memory()->used(), size_t{5} << 17);
  EXPECT_GE(table().memory()->used(), size_t{1} << 19);
}

TEST_F(SessionTableTest, AndWhatAnAnonymousClientIsJustSent) {
  options_.memory_budget = 8 << 20;
  MemoryBudget& memory = *table().memory();
  auto session =
      std::make_shared<HostedSession>(HostedSession::Identity{}, &binding_,
                                      limits_, &counters_, &clock_, &memory);
  const auto stream = Attach(session.get());
  ASSERT_TRUE(Send(session.get(), stream, Large(1 << 19)).ok());
  manual_.CompleteAll();
  ASSERT_TRUE(Acknowledge(session.get(), stream, 0).ok());
  const size_t held = memory.used();
  EXPECT_EQ(Take(session.get(), stream), std::vector<uint64_t>{1});
  EXPECT_EQ(session->holding().bytes, 0U);
  EXPECT_EQ(memory.used(), held);
  // It is written before more is asked for.
  EXPECT_TRUE(Take(session.get(), stream).empty());
  EXPECT_EQ(memory.used(), SessionTable::kSessionBytes);
}

TEST_F(SessionTableTest, WhoAcknowledgesNothingIsReadNoFurtherThanItsShare) {
  options_.memory_budget = 1 << 20;
  const auto other = Open("b", std::make_shared<FakeAttachedStream>());
  const auto stream = std::make_shared<FakeAttachedStream>();
  const auto held = Open("a", stream);
  HostedSession* const session = held->session.get();
  v1::ProcessRequest request = Large(600 << 10);
  ASSERT_TRUE(Send(session, stream, request).ok());
  manual_.CompleteAll();
  EXPECT_EQ(Take(session, stream), std::vector<uint64_t>{1});
  ASSERT_TRUE(table().memory()->Full());
  // Its next frame may be as large as that, and acknowledge nothing again.
  EXPECT_TRUE(session->AtLimit());
  EXPECT_TRUE(session->Starves());
  EXPECT_EQ(counters_.memory_pauses, 1U);

  // Whoever has received it says so with the next Open.
  table().Detach(held->session, stream.get(), false);
  ASSERT_TRUE(Open("a", stream, 1).ok());
  EXPECT_FALSE(session->AtLimit());
  EXPECT_FALSE(session->Starves());
}

TEST_F(SessionTableTest, HandlersPauseForWhoHoldsResultsBeyondItsShare) {
  options_.memory_budget = 2 << 20;
  limits_.max_payload_bytes = options_.limits.max_payload_bytes = 2 << 20;
  const auto stream = std::make_shared<FakeAttachedStream>();
  const auto held = Open("a", stream);
  const auto other_stream = std::make_shared<FakeAttachedStream>();
  const auto other = Open("b", other_stream);
  ASSERT_TRUE(Send(other->session.get(), other_stream, Large(1100 << 10)).ok());
  HostedSession* const session = held->session.get();
  ASSERT_TRUE(Send(session, stream, Large(1100 << 10)).ok());
  ASSERT_TRUE(table().memory()->Full());
  manual_.CompleteAll();
  EXPECT_TRUE(session->Limited());
  // Its results exceed its half: what comes waits, though its window does not.
  v1::ProcessRequest second = Large(1);
  second.mutable_messages(0)->set_sequence(2);
  ASSERT_TRUE(Send(session, stream, second).ok());
  EXPECT_EQ(manual_.held(), 0U);

  // Others give back theirs: it goes on when it is looked at.
  EXPECT_EQ(Take(other->session.get(), other_stream), std::vector<uint64_t>{1});
  ASSERT_TRUE(Acknowledge(other->session.get(), other_stream, 1).ok());
  ASSERT_FALSE(table().memory()->Full());
  session->Resume(stream.get());
  EXPECT_FALSE(session->Limited());
  EXPECT_EQ(manual_.held(), 1U);
}

TEST_F(SessionTableTest, DetachedSessionsGoBeforeANewOneIsRefused) {
  options_.memory_budget = 1 << 20;
  Leave("old", Large(400 << 10));
  Leave("young", Large(400 << 10));
  ASSERT_FALSE(table().memory()->Full());
  Leave("youngest", Large(400 << 10));
  ASSERT_TRUE(table().memory()->Full());
  EXPECT_TRUE(Open("new", std::make_shared<FakeAttachedStream>()).ok());
  EXPECT_EQ(counters_.sessions_evicted, 1U);
  EXPECT_EQ(counters_.memory_refusals, 0U);
  EXPECT_EQ(StateOf("young"), State::kResumed);
  EXPECT_EQ(StateOf("old"), State::kNew);
}

TEST_F(SessionTableTest, NothingIsProcessedForASessionThatHadToGo) {
  options_.memory_budget = 1 << 20;
  limits_.max_payload_bytes = options_.limits.max_payload_bytes = 2 << 20;
  const auto opened = Open("old", stream_);
  ASSERT_TRUE(Send(opened->session.get(), stream_, Large(3 << 19)).ok());
  table().Detach(opened->session, stream_.get(), false);
  ASSERT_EQ(manual_.held(), 1U);
  EXPECT_TRUE(manual_.batch(0).Wanted());
  table().Sweep();
  EXPECT_EQ(counters_.sessions_evicted, 1U);
  EXPECT_FALSE(manual_.batch(0).Wanted());
}

TEST_F(SessionTableTest, TheBudgetIsAQuarterOfWhatTheProcessMayHave) {
  options_.memory_budget = -1;
  EXPECT_EQ(table().memory()->bytes(), ReadProcessLimits().memory_bytes / 4);
}

TEST_F(SessionTableTest, ASweepForgetsWhatTheBudgetHasNoRoomFor) {
  options_.memory_budget = 1 << 20;
  Leave("old", Large(700 << 10));
  Leave("young", Large(700 << 10));
  table().Sweep();
  EXPECT_EQ(counters_.sessions_evicted, 1U);
  EXPECT_EQ(counters_.memory_budget, 1 << 20);
  EXPECT_GT(counters_.memory_used, 700 << 10);
  EXPECT_LT(counters_.memory_used, 1 << 20);
}

TEST_F(SessionTableTest, WithoutABudgetMuchMayBeHeld) {
  options_.memory_budget = 0;
  Leave("a", Large(1 << 20));
  EXPECT_TRUE(table().MakeRoom().ok());
  EXPECT_EQ(counters_.memory_budget, 0);
}

}  // namespace
}  // namespace msgproc::processor
