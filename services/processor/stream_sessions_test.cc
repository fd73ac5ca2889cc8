// Sessions over real connections that break, go silent and come back.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"
#include "services/processor/testing/tcp_relay.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<uint64_t> SequencesOf(const std::vector<v1::Result>& results) {
  std::vector<uint64_t> sequences;
  for (const v1::Result& result : results) {
    sequences.push_back(result.sequence());
  }
  return sequences;
}

class StreamSessionsTest : public ProcessorFixture {
 protected:
  static v1::ProcessRequest Resume(const std::string& id, uint64_t received) {
    v1::ProcessRequest request = OpenRequest(id);
    request.set_received_through(received);
    return request;
  }
};

TEST_F(StreamSessionsTest, ABreakAmidResultsLosesNothingAndRepeatsNothing) {
  Start();
  TcpRelay relay(address());
  uint64_t received = 0;
  {
    RawStream stream(relay.address());
    stream.Open(OpenRequest("s", "seen"));
    for (uint64_t i = 0; i < 5; ++i) {
      ASSERT_TRUE(stream.Write(Messages(1 + i * 40, 40, 20'000)));
    }
    received = stream.ReadResults(1).size();
    EXPECT_LT(received, 200U);
    ASSERT_TRUE(
        Eventually([&] { return seen_.of(PayloadOf(200, 20'000)) == 1; }));
    relay.Break();
    EXPECT_FALSE(stream.Finish().ok());
  }
  ASSERT_TRUE(EventuallyDetached(1));
  RawStream stream(address());
  const v1::Welcome welcome = stream.Open(Resume("s", received));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(welcome.accepted_through(), 200U);
  EXPECT_EQ(SequencesOf(stream.ReadResults(200 - received)),
            Range(received + 1, 200));
  ASSERT_TRUE(stream.Write(Messages(201, 1)));
  EXPECT_THAT(SequencesOf(stream.ReadResults(1)), ElementsAre(201));
  for (uint64_t i = 1; i <= 200; ++i) {
    EXPECT_EQ(seen_.of(PayloadOf(i, 20'000)), 1);
  }
}

TEST_F(StreamSessionsTest, ATakeoverEndsTheOlderStream) {
  Start();
  RawStream older(address());
  older.Open(OpenRequest("s"));
  ASSERT_TRUE(older.Write(Messages(1, 3)));
  EXPECT_EQ(older.ReadResults(3).size(), 3U);
  RawStream newer(address());
  EXPECT_EQ(newer.Open(Resume("s", 1)).state(), v1::Welcome::STATE_RESUMED);
  const absl::Status status = older.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("took the session"));
  EXPECT_THAT(SequencesOf(newer.ReadResults(2)), ElementsAre(2, 3));
  EXPECT_EQ(counters().takeovers, 1U);
}

TEST_F(StreamSessionsTest, ATakeoverOfAHalfOpenStream) {
  Start();
  TcpRelay relay(address());
  RawStream older(relay.address());
  older.Open(OpenRequest("s", "gate"));
  ASSERT_TRUE(older.Write(Messages(1, 5)));
  ASSERT_TRUE(gate_.Await(1));
  relay.Silence();
  // The client gave the connection up; the server has not heard of it, and is
  // still at its messages.
  RawStream newer(address());
  const v1::Welcome welcome = newer.Open(Resume("s", 0));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(welcome.accepted_through(), 5U);
  gate_.Open();
  EXPECT_EQ(SequencesOf(newer.ReadResults(5)), Range(1, 5));
  for (uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(seen_.of(PayloadOf(i)), 1);
  relay.Carry();
  EXPECT_THAT(older.ReadToEnd(), IsEmpty());
  EXPECT_EQ(older.Finish().code(), absl::StatusCode::kAborted);
}

TEST_F(StreamSessionsTest, ALostWelcome) {
  Start();
  TcpRelay relay(address());
  {
    RawStream first(relay.address());
    ASSERT_TRUE(first.AwaitInitialMetadata());
    relay.SilenceToClient();
    ASSERT_TRUE(first.Write(OpenRequest("s")));
    ASSERT_TRUE(Eventually([&] { return counters().sessions_opened == 2; }));
    relay.Break();
  }
  RawStream again(address());
  const v1::Welcome welcome = again.Open(OpenRequest("s"));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(welcome.accepted_through(), 0U);
  ASSERT_TRUE(again.Write(Messages(1, 2)));
  EXPECT_EQ(again.ReadResults(2).size(), 2U);
}

TEST_F(StreamSessionsTest, ALostWelcomeOfAnOpenWithMessages) {
  Start();
  TcpRelay relay(address());
  v1::ProcessRequest request = OpenRequest("s", "seen");
  request.MergeFrom(Messages(1, 5));
  {
    RawStream first(relay.address());
    ASSERT_TRUE(first.AwaitInitialMetadata());
    relay.SilenceToClient();
    ASSERT_TRUE(first.Write(request));
    ASSERT_TRUE(Eventually([&] { return seen_.of(PayloadOf(5)) == 1; }));
    relay.Break();
  }
  RawStream again(address());
  ASSERT_TRUE(again.Write(request));
  EXPECT_EQ(SequencesOf(again.ReadResults(5)), Range(1, 5));
  EXPECT_EQ(again.welcome()->state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(again.welcome()->accepted_through(), 5U);
  for (uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(seen_.of(PayloadOf(i)), 1);
  EXPECT_EQ(counters().messages_duplicate, 5U);
}

// The server had the Open, but not yet what came along with it.
TEST_F(StreamSessionsTest, AnOpenAgainMayBringWhatWasNeverAccepted) {
  Start();
  RawStream first(address());
  first.Open(OpenRequest("s", "seen"));
  RawStream again(address());
  v1::ProcessRequest request = OpenRequest("s", "seen");
  request.MergeFrom(Messages(1, 5));
  ASSERT_TRUE(again.Write(request));
  EXPECT_EQ(SequencesOf(again.ReadResults(5)), Range(1, 5));
  EXPECT_EQ(again.welcome()->accepted_through(), 5U);
  EXPECT_EQ(first.Finish().code(), absl::StatusCode::kAborted);
}

TEST_F(StreamSessionsTest, AResumingOpenMayNotBringNews) {
  Start();
  {
    RawStream first(address());
    first.Open(OpenRequest("s"));
    ASSERT_TRUE(first.Write(Messages(1, 2)));
    EXPECT_EQ(first.ReadResults(2).size(), 2U);
  }
  v1::ProcessRequest news = OpenRequest("s");
  news.MergeFrom(Messages(3, 1));
  RawStream second(address());
  ASSERT_TRUE(second.Write(news));
  EXPECT_EQ(second.Finish().code(), absl::StatusCode::kInvalidArgument);
  news = Resume("s", 2);
  news.MergeFrom(Messages(3, 1));
  RawStream third(address());
  ASSERT_TRUE(third.Write(news));
  EXPECT_THAT(std::string(third.Finish().message()),
              HasSubstr("Only a session's first Open"));
  // The session is as it was.
  RawStream last(address());
  EXPECT_EQ(last.Open(Resume("s", 2)).accepted_through(), 2U);
}

TEST_F(StreamSessionsTest, AJourneyToAnotherServerAndBackToOneThatLagsBehind) {
  Start();
  const std::unique_ptr<Server> other = StartAnother();
  RawStream here(address());
  here.Open(OpenRequest("s", "gate"));
  ASSERT_TRUE(here.Write(Messages(1, 6)));
  ASSERT_TRUE(gate_.Await(1));
  {
    RawStream there(other->address());
    v1::ProcessRequest open = OpenRequest("s", "echo");
    EXPECT_EQ(there.Open(open).state(), v1::Welcome::STATE_NEW);
    ASSERT_TRUE(there.Write(Messages(1, 4)));
    EXPECT_EQ(there.ReadResults(4).size(), 4U);
  }
  RawStream back(address());
  const v1::Welcome welcome = back.Open(Resume("s", 4));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(welcome.accepted_through(), 6U);
  v1::ProcessRequest more = Messages(7, 1);
  more.set_received_through(4);
  ASSERT_TRUE(back.Write(more));
  gate_.Open();
  EXPECT_EQ(SequencesOf(back.ReadResults(3)), Range(5, 7));
  EXPECT_EQ(here.Finish().code(), absl::StatusCode::kAborted);
}

TEST_F(StreamSessionsTest, AJourneyToAnotherServerAndBackToOneThatKnowsLess) {
  Start();
  const std::unique_ptr<Server> other = StartAnother();
  {
    RawStream here(address());
    here.Open(OpenRequest("s"));
    ASSERT_TRUE(here.Write(Messages(1, 2)));
    EXPECT_EQ(here.ReadResults(2).size(), 2U);
  }
  {
    RawStream there(other->address());
    v1::Welcome welcome = there.Open(Resume("s", 2));
    EXPECT_EQ(welcome.state(), v1::Welcome::STATE_LOST);
    EXPECT_EQ(welcome.accepted_through(), 2U);
    ASSERT_TRUE(there.Write(Messages(3, 5)));
    EXPECT_EQ(SequencesOf(there.ReadResults(5)), Range(3, 7));
  }
  RawStream back(address());
  const v1::Welcome welcome = back.Open(Resume("s", 7));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_LOST);
  ASSERT_TRUE(back.Write(Messages(8, 1)));
  EXPECT_THAT(SequencesOf(back.ReadResults(1)), ElementsAre(8));
}

TEST_F(StreamSessionsTest, AHalfCloseWaitsForWhatIsUnanswered) {
  Start();
  RawStream opened(address());
  opened.Open(OpenRequest("s", "gate"));
  ASSERT_TRUE(opened.Write(Messages(1, 30)));
  opened.HalfClose();
  ASSERT_TRUE(gate_.Await(1));
  gate_.Open();
  EXPECT_EQ(opened.ReadToEnd(), Range(1, 30));
  EXPECT_EQ(opened.Finish(), absl::OkStatus());
  // Not all was acknowledged: it stays.
  EXPECT_EQ(counters().sessions_detached, 1);
  RawStream again(address());
  EXPECT_EQ(again.Open(Resume("s", 29)).state(), v1::Welcome::STATE_RESUMED);
  EXPECT_THAT(SequencesOf(again.ReadResults(1)), ElementsAre(30));
}

TEST_F(StreamSessionsTest, AHalfCloseWaitsHoweverLongItTakes) {
  options_.streams.default_handler = "gate";
  Start();
  RawStream stream(address());
  ASSERT_TRUE(stream.Write(Messages(1, 30)));
  stream.HalfClose();
  ASSERT_TRUE(gate_.Await(1));
  Pass(absl::Minutes(10));
  gate_.Open();
  EXPECT_EQ(stream.ReadToEnd(), Range(1, 30));
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
}

TEST_F(StreamSessionsTest, AFinishedSessionIsGone) {
  Start();
  for (int i = 0; i < 20; ++i) {
    RawStream stream(address());
    EXPECT_EQ(stream.Open(OpenRequest("s")).state(), v1::Welcome::STATE_NEW);
    ASSERT_TRUE(stream.Write(Messages(1, 3)));
    EXPECT_EQ(stream.ReadResults(3).size(), 3U);
    ASSERT_TRUE(stream.Acknowledge(3));
    stream.HalfClose();
    EXPECT_EQ(stream.Finish(), absl::OkStatus());
  }
  EXPECT_EQ(counters().sessions_detached, 0);
}

TEST_F(StreamSessionsTest, AHalfCloseWithMoreResultsThanMayBeHeld) {
  options_.streams.sessions.limits.max_result_bytes = 100'000;
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s", "pool"));
  // More than are under way at once.
  for (uint64_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(stream.Write(Messages(1 + i * 250, 250, 2'000)));
  }
  stream.HalfClose();
  EXPECT_EQ(stream.ReadToEnd(), Range(1, 2000));
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
  // What it still knew was of no use to anybody.
  EXPECT_EQ(counters().sessions_detached, 0);
  RawStream again(address());
  EXPECT_EQ(again.Open(Resume("s", 400)).state(), v1::Welcome::STATE_LOST);
}

TEST_F(StreamSessionsTest, ADetachedSessionExpires) {
  options_.streams.sessions.session_ttl = absl::Minutes(2);
  Start();
  { RawStream(address()).Open(OpenRequest("s")); }
  ASSERT_TRUE(EventuallyDetached(1));
  Pass(absl::Minutes(3));
  EXPECT_EQ(counters().sessions_detached, 0);
  EXPECT_EQ(counters().sessions_expired, 1U);
  RawStream again(address());
  EXPECT_EQ(again.Open(Resume("s", 0)).state(), v1::Welcome::STATE_NEW);
}

TEST_F(StreamSessionsTest, DetachedSessionsThatHoldTooMuchGo) {
  options_.streams.sessions.max_detached_bytes = 1 << 20;
  Start();
  for (const char* id : {"old", "young"}) {
    RawStream stream(address());
    stream.Open(OpenRequest(id));
    ASSERT_TRUE(stream.Write(Messages(1, 6, 100'000)));
    EXPECT_EQ(stream.ReadResults(6).size(), 6U);
    stream.Cancel();
    EXPECT_FALSE(stream.Finish().ok());
    clock_.Advance(absl::Seconds(1));
    ASSERT_TRUE(EventuallyDetached(*id == 'o' ? 1 : 2));
  }
  server_->Tick();
  EXPECT_EQ(counters().sessions_evicted, 1U);
  RawStream old(address());
  EXPECT_EQ(old.Open(Resume("old", 3)).state(), v1::Welcome::STATE_LOST);
  RawStream young(address());
  EXPECT_EQ(young.Open(Resume("young", 3)).state(), v1::Welcome::STATE_RESUMED);
  EXPECT_THAT(SequencesOf(young.ReadResults(3)), ElementsAre(4, 5, 6));
}

TEST_F(StreamSessionsTest, TheServerMakesNamesAndTokens) {
  Start();
  v1::ProcessRequest open;
  open.mutable_open();
  {
    RawStream stream(address());
    const v1::Welcome welcome = stream.Open(open);
    EXPECT_GE(welcome.session_id().size(), 16U);
    EXPECT_GE(welcome.session_token().size(), 16U);
    open.mutable_open()->set_session_id(welcome.session_id());
    open.mutable_open()->set_session_token(welcome.session_token());
    ASSERT_TRUE(stream.Write(Messages(1, 1)));
    EXPECT_EQ(stream.ReadResults(1).size(), 1U);
  }
  RawStream again(address());
  EXPECT_EQ(again.Open(open).state(), v1::Welcome::STATE_RESUMED);
}

TEST_F(StreamSessionsTest, AHandlerThatIsNotThereIsIgnoredOnResuming) {
  Start();
  { RawStream(address()).Open(OpenRequest("s")); }
  RawStream again(address());
  EXPECT_EQ(again.Open(OpenRequest("s", "ecko")).state(),
            v1::Welcome::STATE_RESUMED);
}

}  // namespace
}  // namespace msgproc::processor
