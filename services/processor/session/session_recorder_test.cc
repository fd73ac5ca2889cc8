#include "services/processor/session/session_recorder.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/session/live_trace.h"
#include "services/processor/session/session_event.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What a session tells of itself as it goes.
class SessionRecorderTest : public SessionFixture {
 protected:
  void Follow(HostedSession* session) {
    trace_ = std::make_shared<LiveTrace>(1, clock_.Now());
    session->Follow(trace_);
  }

  // Events that were not read yet: "accepted 1-3", ...
  std::vector<std::string> News() {
    auto page = trace_->Read(1, read_, clock_.Now());
    EXPECT_TRUE(page.has_value());
    std::vector<std::string> news;
    if (!page) return news;
    read_ = page->through;
    for (const SessionEvent& event : page->events) {
      EXPECT_EQ(event.at, clock_.Now());
      news.push_back(absl::StrCat(
          DescriptionOf(event.kind).substr(sizeof("session: ") - 1), " ",
          event.first, "-", event.through));
      if (event.failed > 0) absl::StrAppend(&news.back(), " ", event.failed);
      if (!event.text.empty()) {
        absl::StrAppend(&news.back(), " ", event.code, " ", event.text);
      }
    }
    return news;
  }

  std::shared_ptr<LiveTrace> trace_;
  uint64_t read_ = 0;
};

TEST_F(SessionRecorderTest, TellsOfEachStepOfAFrame) {
  const auto session = NewSession(&manual_);
  Follow(session.get());
  const Stream stream = Attach(session.get());
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 3)).ok());
  EXPECT_THAT(News(), ElementsAre("opened 0-0", "messages accepted 1-3",
                                  "messages given to the handler 1-2",
                                  "messages given to the handler 3-3"));
  manual_.CompleteAll();
  EXPECT_THAT(News(),
              ElementsAre("messages handled 1-2", "messages handled 3-3"));
  EXPECT_EQ(Take(session.get(), stream).size(), 3U);
  EXPECT_THAT(News(), IsEmpty());
  session->OnWritten(stream.get());
  EXPECT_THAT(News(), ElementsAre("results written 1-3"));
  // Once, and not for what has no results.
  EXPECT_FALSE(Output(session.get(), stream).told);
  session->OnWritten(stream.get());
  EXPECT_THAT(News(), IsEmpty());
  ASSERT_TRUE(Acknowledge(session.get(), stream, 2).ok());
  ASSERT_TRUE(Acknowledge(session.get(), stream, 2).ok());
  ASSERT_TRUE(Acknowledge(session.get(), stream, 3).ok());
  EXPECT_THAT(News(), ElementsAre("results acknowledged 1-2",
                                  "results acknowledged 3-3"));
  session->CloseInput(stream.get());
  session->NoteEnd(stream.get(), 14, "The client is silent.");
  EXPECT_THAT(News(), ElementsAre("input closed 0-0",
                                  "stream ended 0-0 14 The client is silent."));
}

TEST_F(SessionRecorderTest, TellsHowAStreamCameByTheSession) {
  const auto session = NewSession(&inline_);
  const Stream first = Attach(session.get());
  ASSERT_TRUE(Send(session.get(), first, Messages(1, 2)).ok());
  EXPECT_EQ(Take(session.get(), first).size(), 2U);
  // Whoever begins to follow is not told of what was before.
  Follow(session.get());
  session->OnWritten(first.get());
  EXPECT_THAT(News(), IsEmpty());
  Attach(session.get(), 1);
  EXPECT_THAT(News(), ElementsAre("taken over by another stream 0-2"));
  const Stream third = Attach(session.get(), 1);
  session->Detach(third.get());
  const Stream fourth = Attach(session.get(), 2);
  EXPECT_THAT(News(),
              ElementsAre("taken over by another stream 0-2", "resumed 0-2"));
  // It was acknowledged by the Open.
  ASSERT_TRUE(Acknowledge(session.get(), fourth, 2).ok());
  EXPECT_THAT(News(), IsEmpty());
  Attach(session.get(), 50);
  const std::vector<std::string> news = News();
  ASSERT_EQ(news.size(), 1U);
  EXPECT_THAT(news[0], HasSubstr("lost, its client was told so 0-50 0 "));
}

TEST_F(SessionRecorderTest, AWriteThatATakeoverCutOffIsNotWritten) {
  const auto session = NewSession(&inline_);
  Follow(session.get());
  const Stream first = Attach(session.get());
  ASSERT_TRUE(Send(session.get(), first, Messages(1, 2)).ok());
  EXPECT_TRUE(Output(session.get(), first).told);
  const Stream second = Attach(session.get());
  News();
  session->OnWritten(first.get());
  session->OnWritten(second.get());
  EXPECT_THAT(News(), IsEmpty());
}

TEST_F(SessionRecorderTest, AnotherLifeBeginsToCountAgain) {
  limits_.max_result_bytes = 100;
  const auto session = NewSession(&inline_);
  Follow(session.get());
  const Stream first = Attach(session.get());
  ASSERT_TRUE(Send(session.get(), first, Messages(1, 2, 90)).ok());
  EXPECT_EQ(Take(session.get(), first).size(), 2U);
  ASSERT_TRUE(Acknowledge(session.get(), first, 1).ok());
  ASSERT_TRUE(Send(session.get(), first, Messages(3, 2, 90)).ok());
  // Results are let go: the client cannot resume, and begins anew.
  session->CloseInput(first.get());
  const Stream second = Attach(session.get(), 0);
  EXPECT_EQ(session->accepted_through(), 0U);
  ASSERT_TRUE(Send(session.get(), second, Messages(1, 1)).ok());
  EXPECT_EQ(Take(session.get(), second).size(), 1U);
  ASSERT_TRUE(Acknowledge(session.get(), second, 1).ok());
  const std::vector<std::string> news = News();
  ASSERT_FALSE(news.empty());
  EXPECT_EQ(news.back(), "results acknowledged 1-1");
}

TEST_F(SessionRecorderTest, ATraceThatIsOverIsToldNothing) {
  const auto session = NewSession(&inline_);
  Follow(session.get());
  const Stream stream = Attach(session.get());
  EXPECT_THAT(News(), ElementsAre("opened 0-0"));
  clock_.Advance(SessionTrace::kPatience);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 2)).ok());
  EXPECT_FALSE(trace_->Read(1, read_, clock_.Now()));
  // Nobody wants to know of the write.
  EXPECT_FALSE(Output(session.get(), stream).told);
  std::weak_ptr<LiveTrace> let_go = std::exchange(trace_, nullptr);
  EXPECT_TRUE(let_go.expired());
}

TEST_F(SessionRecorderTest, EventsAreLoggedAtDebugWhenAsked) {
  const auto session = NewSession(&inline_);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(session->LogEvents(false));
  const Stream stream = Attach(session.get());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
  testing::internal::CaptureStderr();
  EXPECT_FALSE(session->LogEvents(true));
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 2)).ok());
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, HasSubstr(" D session: messages accepted session=s "
                               "trace_id=\"\" first=1 through=2"));
  EXPECT_THAT(lines, HasSubstr("session: messages handled session=s"));
  EXPECT_THAT(lines, Not(HasSubstr("opened")));
  // Beside a trace, and behind it.
  Follow(session.get());
  EXPECT_TRUE(session->LogEvents(true));
  clock_.Advance(SessionTrace::kPatience);
  testing::internal::CaptureStderr();
  ASSERT_TRUE(Send(session.get(), stream, Messages(3, 1)).ok());
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("accepted session=s trace_id=\"\" first=3 through=3"));
  EXPECT_TRUE(session->LogEvents(false));
  testing::internal::CaptureStderr();
  ASSERT_TRUE(Send(session.get(), stream, Messages(4, 1)).ok());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), IsEmpty());
  EXPECT_FALSE(session->LogEvents(false));
}

TEST_F(SessionRecorderTest, LinesNameTheTraceOfTheStreamThatHasTheSession) {
  const auto session = NewSession(&inline_);
  const auto attach = [&](const std::string& trace_id) {
    const auto stream = std::make_shared<FakeAttachedStream>();
    session->Attach(stream, 0,
                    std::make_shared<const SessionContext>(SessionContext{
                        .session_id = "s", .trace_id = trace_id}));
    return stream;
  };
  const Stream first = attach("the-first");
  // Before anything is logged, another looks on.
  Follow(session.get());
  EXPECT_FALSE(session->LogEvents(true));
  testing::internal::CaptureStderr();
  ASSERT_TRUE(Send(session.get(), first, Messages(1, 1)).ok());
  session->NoteEnd(first.get(), 0, "");
  session->Detach(first.get());
  std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, HasSubstr("accepted session=s trace_id=the-first first="));
  EXPECT_THAT(lines, HasSubstr("ended session=s trace_id=the-first first="));
  testing::internal::CaptureStderr();
  attach("the-second");
  attach("");
  lines = testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines, HasSubstr("resumed session=s trace_id=the-second first="));
  EXPECT_THAT(lines, HasSubstr("stream session=s trace_id=\"\" first="));
  EXPECT_THAT(lines, Not(HasSubstr("the-first")));
}

}  // namespace
}  // namespace msgproc::processor
