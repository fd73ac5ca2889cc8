#include "services/processor/session/hosted_session.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/session/session_facts.h"
#include "services/processor/session/session_view.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using State = Session::State;

class HostedSessionTest : public SessionFixture {};

TEST_F(HostedSessionTest, ProcessesInlineWithinTheCall) {
  auto session = NewSession(&inline_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 3)).ok());
  EXPECT_EQ(Take(session.get(), stream), Range(1, 3));
  // Whoever calls looks for results by itself.
  EXPECT_EQ(stream->results_ready, 0);
  EXPECT_EQ(counters_.messages_ok, 3U);
  EXPECT_EQ(counters_.outstanding, 0);
}

std::shared_ptr<const SessionContext> ContextFrom(const std::string& peer) {
  return std::make_shared<const SessionContext>(SessionContext{
      .session_id = "s", .peer = peer, .idempotency_scope = "s"});
}

TEST_F(HostedSessionTest, ABatchSaysWhoSentIt) {
  auto session = NewSession(&manual_);
  auto stream = std::make_shared<FakeAttachedStream>();
  session->Attach(stream, 0, ContextFrom("first"));
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 2)).ok());
  // Its token is renewed, and then it comes back from elsewhere.
  session->SetPrincipal(stream.get(), {.claims = {{"tier", "gold"}}});
  ASSERT_TRUE(Send(session.get(), stream, Messages(3, 2)).ok());
  const auto after = std::make_shared<FakeAttachedStream>();
  session->Attach(after, 0, ContextFrom("second"));
  session->SetPrincipal(stream.get(), {.claims = {{"tier", "too late"}}});
  ASSERT_TRUE(Send(session.get(), after, Messages(5, 2)).ok());
  ASSERT_EQ(manual_.held(), 3U);
  EXPECT_EQ(manual_.batch(0).context->peer, "first");
  EXPECT_TRUE(manual_.batch(0).context->principal.claims.empty());
  EXPECT_EQ(manual_.batch(1).context->peer, "first");
  EXPECT_EQ(manual_.batch(1).context->principal.claims.at("tier"), "gold");
  EXPECT_EQ(manual_.batch(2).context->peer, "second");
  EXPECT_TRUE(manual_.batch(2).context->principal.claims.empty());
  EXPECT_EQ(manual_.batch(2).idempotency_scope, "s");
  // One that is used again is not the last one's any more.
  manual_.Complete(0);
  ASSERT_TRUE(Send(session.get(), after, Messages(7, 2)).ok());
  EXPECT_EQ(manual_.batch(2).context->peer, "second");
}

TEST_F(HostedSessionTest, WithoutAContextABatchSaysWhatTheSessionKnows) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 1)).ok());
  EXPECT_EQ(manual_.batch(0).context->session_id, "s");
  EXPECT_EQ(manual_.batch(0).context->client_name, "client");
  auto anonymous = NewSession(&manual_, "");
  const Stream other = Attach(anonymous.get(), 0);
  ASSERT_TRUE(Send(anonymous.get(), other, Messages(0, 1)).ok());
  EXPECT_EQ(manual_.batch(1).idempotency_scope, "");
}

TEST_F(HostedSessionTest, SaysOfItselfWhatOperatorsAsk) {
  binding_.name = "echo";
  auto session = NewSession(&manual_);
  const absl::Time begun = clock_.Now();
  clock_.Advance(absl::Seconds(1));
  auto stream = std::make_shared<FakeAttachedStream>();
  session->Attach(stream, 0, ContextFrom("first"));
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 2)).ok());
  SessionFacts facts = FactsOf(*session);
  EXPECT_EQ(facts.id, "s");
  EXPECT_EQ(facts.client_name, "client");
  EXPECT_EQ(facts.handler, "echo");
  EXPECT_EQ(facts.context->peer, "first");
  EXPECT_TRUE(facts.attached);
  EXPECT_FALSE(facts.stored);
  EXPECT_EQ(facts.story.begun, begun);
  EXPECT_EQ(facts.story.changed, begun + absl::Seconds(1));
  EXPECT_EQ(facts.story.streams, 1U);
  EXPECT_EQ(facts.now, clock_.Now());
  EXPECT_EQ(facts.accepted_through, 2U);
  // Taken over, and left.
  clock_.Advance(absl::Seconds(1));
  auto after = std::make_shared<FakeAttachedStream>();
  session->Attach(after, 0, ContextFrom("second"));
  session->NoteEnd(stream.get(), 14, "too late: it is another's by now");
  EXPECT_EQ(FactsOf(*session).story.streams, 2U);
  EXPECT_EQ(FactsOf(*session).story.takeovers, 1U);
  EXPECT_EQ(FactsOf(*session).context->peer, "second");
  EXPECT_EQ(FactsOf(*session).story.troubles->last_end->code, 10);
  clock_.Advance(absl::Seconds(1));
  session->NoteEnd(after.get(), 14, "The client is silent.");
  session->Detach(after.get());
  facts = FactsOf(*session);
  EXPECT_FALSE(facts.attached);
  EXPECT_EQ(facts.story.begun, begun);
  EXPECT_EQ(facts.story.changed, begun + absl::Seconds(3));
  EXPECT_EQ(facts.story.troubles->last_end->code, 14);
  EXPECT_EQ(facts.story.troubles->last_end->text, "The client is silent.");
  EXPECT_EQ(facts.story.troubles->last_end->at, clock_.Now());
}

TEST_F(HostedSessionTest, ABatchThatRunsAtOnceKnowsWhetherItIsWanted) {
  auto session = NewSession(&inline_);
  const Stream stream = Attach(session.get(), 0);
  std::vector<bool> wanted;
  inline_.hook = [&](const Batch& batch) {
    wanted.push_back(batch.Wanted());
    session->Abandon();
    wanted.push_back(batch.Wanted());
  };
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 1)).ok());
  EXPECT_THAT(wanted, ElementsAre(true, false));
}

TEST_F(HostedSessionTest, TellsItsStreamWhenABatchIsDone) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 2)).ok());
  EXPECT_EQ(stream->results_ready, 0);
  EXPECT_EQ(counters_.outstanding, 2);
  manual_.Complete(0);
  EXPECT_EQ(stream->results_ready, 1);
  EXPECT_EQ(counters_.outstanding, 0);
  EXPECT_EQ(Take(session.get(), stream), Range(1, 2));
}

TEST_F(HostedSessionTest, ResultsOfLongBatchesMayWaitForOthers) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  manual_.handler_time = absl::Milliseconds(1);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 4)).ok());
  manual_.Complete(0);
  EXPECT_EQ(stream->more_to_come, 1);
  // Behind the last one nothing comes.
  manual_.Complete(0);
  EXPECT_EQ(stream->more_to_come, 1);
  EXPECT_EQ(stream->results_ready, 2);
}

TEST_F(HostedSessionTest, ResultsOfShortBatchesLeaveAtOnce) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  manual_.handler_time = absl::Microseconds(10);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 4)).ok());
  manual_.CompleteAll();
  EXPECT_EQ(stream->results_ready, 2);
  EXPECT_EQ(stream->more_to_come, 0);
}

TEST_F(HostedSessionTest, BatchesMayComeBackInAnyOrder) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 7)).ok());
  ASSERT_EQ(manual_.held(), 4U);
  manual_.Complete(3);
  manual_.Complete(1);
  EXPECT_THAT(Take(session.get(), stream), IsEmpty());
  manual_.Complete(0);
  EXPECT_EQ(Take(session.get(), stream), Range(1, 4));
  EXPECT_FALSE(Output(session.get(), stream).all_taken);
  manual_.Complete(0);
  EXPECT_EQ(Take(session.get(), stream), Range(5, 7));
  EXPECT_TRUE(Output(session.get(), stream).all_taken);
}

TEST_F(HostedSessionTest, GivesNoMoreBatchesThanTheExecutorWants) {
  manual_.limits = {.max_batches = 2, .max_messages = 3};
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 20)).ok());
  EXPECT_EQ(manual_.held(), 2U);
  manual_.Complete(0);
  EXPECT_EQ(manual_.held(), 2U);
  EXPECT_EQ(manual_.batch(1).first_position, 7U);
  manual_.CompleteAll();
  EXPECT_EQ(Take(session.get(), stream), Range(1, 20));
}

TEST_F(HostedSessionTest, ABatchIsAShareOfWhatWaits) {
  manual_.limits = {.max_batches = 4, .min_messages = 2, .max_messages = 20};
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 20)).ok());
  std::vector<uint64_t> sizes;
  for (size_t i = 0; i < manual_.held(); ++i) {
    sizes.push_back(manual_.batch(i).size);
  }
  EXPECT_THAT(sizes, ElementsAre(5, 3, 3, 2));
  ASSERT_TRUE(Send(session.get(), stream, Messages(21, 43)).ok());
  manual_.Complete(0);
  // No larger than it may be, whatever waits.
  manual_.limits.max_messages = 6;
  manual_.Complete(0);
  EXPECT_EQ(manual_.batch(2).size, 12U);
  EXPECT_EQ(manual_.batch(3).size, 6U);
  manual_.CompleteAll();
  EXPECT_EQ(Take(session.get(), stream), Range(1, 63));
}

TEST_F(HostedSessionTest, BatchesAreUsedAgain) {
  manual_.limits = {.max_batches = 2, .max_messages = 1};
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 2)).ok());
  const std::vector<const Batch*> before = {&manual_.batch(0),
                                            &manual_.batch(1)};
  manual_.CompleteAll();
  EXPECT_EQ(Take(session.get(), stream), Range(1, 2));
  ASSERT_TRUE(Send(session.get(), stream, Messages(3, 2)).ok());
  EXPECT_THAT(before,
              UnorderedElementsAre(&manual_.batch(0), &manual_.batch(1)));
  manual_.CompleteAll();
  EXPECT_EQ(Take(session.get(), stream), Range(3, 4));
}

// What waited while a batch was out travels together in the next one.
TEST_F(HostedSessionTest, WhatWaitsIsBatched) {
  manual_.limits = {.max_batches = 1, .max_messages = 100};
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  for (uint64_t i = 1; i <= 9; ++i) {
    ASSERT_TRUE(Send(session.get(), stream, Messages(i, 1)).ok());
  }
  EXPECT_EQ(manual_.batch(0).size, 1U);
  manual_.Complete(0);
  EXPECT_EQ(manual_.batch(0).size, 8U);
}

TEST_F(HostedSessionTest, AnExecutorMayCompleteWithinExecute) {
  HookedExecutor eager(HookedExecutor::Way::kDone);
  auto session = NewSession(&eager);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 9)).ok());
  EXPECT_GT(stream->results_ready, 0);
  EXPECT_EQ(Take(session.get(), stream), Range(1, 9));
}

// Whoever brings messages looks for results afterwards anyway.
TEST_F(HostedSessionTest, AnExecutorMayReturnABatchThatIsDone) {
  HookedExecutor eager(HookedExecutor::Way::kReturns);
  auto session = NewSession(&eager);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 9)).ok());
  EXPECT_EQ(stream->results_ready, 0);
  EXPECT_EQ(Take(session.get(), stream), Range(1, 9));
  EXPECT_EQ(counters_.messages_ok.load(), 9u);
  EXPECT_EQ(counters_.outstanding.load(), 0);
}

// Keeps its first batch, and returns the others done.
class LateOnceExecutor final : public Executor {
 public:
  Limits LimitsFor(const HandlerBinding& /*binding*/) const override {
    return {.max_batches = 1, .max_messages = 2};
  }
  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override {
    EchoBatch(batch.get());
    if (std::exchange(late_, false)) {
      first = std::move(batch);
      return nullptr;
    }
    return batch;
  }

  std::unique_ptr<Batch> first;

 private:
  bool late_ = true;
};

TEST_F(HostedSessionTest, ResultsReturnedToAnotherThreadAreAnnounced) {
  LateOnceExecutor executor;
  auto session = NewSession(&executor);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 9)).ok());
  EXPECT_THAT(Take(session.get(), stream), IsEmpty());
  Batch::Done(std::move(executor.first));
  EXPECT_EQ(stream->results_ready, 1);
  EXPECT_EQ(Take(session.get(), stream), Range(1, 9));
}

TEST_F(HostedSessionTest, WhatStandsBeforeAViolationIsProcessed) {
  auto session = NewSession(&inline_);
  const Stream stream = Attach(session.get(), 0);
  v1::ProcessRequest request = Messages(1, 2);
  request.MergeFrom(Messages(9, 1));
  EXPECT_TRUE(absl::IsInvalidArgument(Send(session.get(), stream, request)));
  EXPECT_EQ(Take(session.get(), stream), Range(1, 2));
}

TEST_F(HostedSessionTest, AWrongAcknowledgementAcceptsNothing) {
  auto session = NewSession(&inline_);
  const Stream stream = Attach(session.get(), 0);
  v1::ProcessRequest request = Messages(1, 2);
  request.set_received_through(1);
  EXPECT_TRUE(absl::IsInvalidArgument(Send(session.get(), stream, request)));
  EXPECT_EQ(session->accepted_through(), 0U);
}

TEST_F(HostedSessionTest, ADetachedSessionWorksOn) {
  auto session = NewSession(&manual_);
  const Stream before = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), before, Messages(1, 20)).ok());
  EXPECT_TRUE(session->Detach(before.get()));
  EXPECT_FALSE(session->Detach(before.get()));
  manual_.CompleteAll();
  EXPECT_EQ(before->results_ready, 0);
  const Stream after = Attach(session.get(), 0);
  EXPECT_EQ(Take(session.get(), after), Range(1, 20));
  EXPECT_EQ(counters_.messages_ok, 20U);
}

TEST_F(HostedSessionTest, ResumesAtWhatWasNotReceived) {
  auto session = NewSession(&inline_);
  const Stream before = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), before, Messages(1, 9)).ok());
  EXPECT_EQ(Take(session.get(), before), Range(1, 9));
  auto after = std::make_shared<FakeAttachedStream>();
  const HostedSession::Attached attached = session->Attach(after, 4);
  EXPECT_EQ(attached.opening.state, State::kResumed);
  EXPECT_EQ(attached.accepted_through, 9U);
  EXPECT_EQ(attached.before, before);
  EXPECT_EQ(Take(session.get(), after), Range(5, 9));
  EXPECT_EQ(counters_.messages_ok, 9U);
}

TEST_F(HostedSessionTest, AClientThatIsAheadStartsAnew) {
  auto session = NewSession(&manual_);
  const Stream before = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), before, Messages(1, 4)).ok());
  auto after = std::make_shared<FakeAttachedStream>();
  const HostedSession::Attached attached = session->Attach(after, 50);
  EXPECT_EQ(attached.opening.state, State::kLost);
  EXPECT_EQ(attached.accepted_through, 50U);
  EXPECT_EQ(counters_.outstanding, 0);
  // Its life before comes back, and is nobody's.
  manual_.CompleteAll();
  EXPECT_THAT(Take(session.get(), after), IsEmpty());
  ASSERT_TRUE(Send(session.get(), after, Messages(51, 2)).ok());
  manual_.CompleteAll();
  EXPECT_THAT(Take(session.get(), after), ElementsAre(51, 52));
  EXPECT_EQ(counters_.outstanding, 0);
}

TEST_F(HostedSessionTest, WhatWasLetGoIsNotResumed) {
  limits_.max_result_bytes = 100;
  for (const uint64_t received : {uint64_t{0}, uint64_t{1}}) {
    auto session = NewSession(&inline_);
    const Stream before = Attach(session.get(), 0);
    ASSERT_TRUE(Send(session.get(), before, Messages(1, 1, 90)).ok());
    ASSERT_TRUE(Send(session.get(), before, Messages(2, 1, 90)).ok());
    ASSERT_TRUE(Send(session.get(), before, Messages(3, 2, 90)).ok());
    EXPECT_EQ(Take(session.get(), before), Range(1, 2));
    session->CloseInput(before.get());
    auto after = std::make_shared<FakeAttachedStream>();
    const HostedSession::Attached attached = session->Attach(after, received);
    EXPECT_EQ(attached.opening.state,
              received == 0 ? State::kNew : State::kLost);
    EXPECT_EQ(attached.accepted_through, received);
    EXPECT_EQ(counters_.outstanding, 0);
  }
}

// A to B and back to A, which is still at what B has answered.
TEST_F(HostedSessionTest, WhatAnotherServerAnsweredMayBeAcknowledged) {
  auto session = NewSession(&manual_);
  const Stream before = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), before, Messages(1, 4)).ok());
  session->Detach(before.get());
  auto after = std::make_shared<FakeAttachedStream>();
  EXPECT_EQ(session->Attach(after, 3).opening.state, State::kResumed);
  EXPECT_TRUE(Acknowledge(session.get(), after, 3).ok());
  manual_.CompleteAll();
  EXPECT_THAT(Take(session.get(), after), ElementsAre(4));
  EXPECT_TRUE(Acknowledge(session.get(), after, 4).ok());
  EXPECT_TRUE(session->CanForget());
}

TEST_F(HostedSessionTest, ProcessingPausesUntilResultsAreReceived) {
  limits_.max_result_bytes = 100;
  manual_.limits = {.max_batches = 1, .max_messages = 1};
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 5, 60)).ok());
  manual_.Complete(0);
  manual_.Complete(0);
  EXPECT_EQ(manual_.held(), 0U);
  EXPECT_EQ(Take(session.get(), stream), Range(1, 2));
  EXPECT_EQ(manual_.held(), 0U);
  ASSERT_TRUE(Acknowledge(session.get(), stream, 2).ok());
  EXPECT_EQ(manual_.held(), 1U);
}

TEST_F(HostedSessionTest, ABrokenStreamForgetsNothing) {
  limits_.max_result_bytes = 100;
  manual_.limits = {.max_batches = 1, .max_messages = 1};
  auto session = NewSession(&manual_);
  const Stream before = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), before, Messages(1, 5, 60)).ok());
  manual_.Complete(0);
  manual_.Complete(0);
  EXPECT_EQ(Take(session.get(), before), Range(1, 2));
  session->Detach(before.get());
  const Stream after = Attach(session.get(), 0);
  EXPECT_EQ(Take(session.get(), after), Range(1, 2));
  ASSERT_TRUE(Acknowledge(session.get(), after, 2).ok());
  manual_.CompleteAll();
}

TEST_F(HostedSessionTest, AnAnonymousSessionEndsWithItsStream) {
  auto session = NewSession(&manual_, "");
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 20)).ok());
  EXPECT_EQ(manual_.held(), 4U);
  session->Detach(stream.get());
  EXPECT_EQ(counters_.outstanding, 0);
  manual_.CompleteAll();
  // What nobody waits for is not begun.
  EXPECT_EQ(counters_.messages_ok, 8U);
  EXPECT_EQ(counters_.outstanding, 0);
}

TEST_F(HostedSessionTest, AnAbandonedSessionWorksNoMore) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 20, 1000)).ok());
  session->Detach(stream.get());
  session->Abandon();
  manual_.CompleteAll();
  EXPECT_EQ(counters_.messages_ok, 8U);
  EXPECT_EQ(counters_.outstanding, 0);
  EXPECT_LT(session->holding().bytes, 1000U);
}

TEST_F(HostedSessionTest, LivesAsLongAsItsBatches) {
  auto session = NewSession(&manual_);
  const std::weak_ptr<HostedSession> weak = session;
  Stream stream = Attach(session.get(), 0);
  const std::weak_ptr<FakeAttachedStream> weak_stream = stream;
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 3)).ok());
  session->Detach(stream.get());
  session.reset();
  stream.reset();
  EXPECT_TRUE(weak_stream.expired());
  EXPECT_FALSE(weak.expired());
  EXPECT_EQ(counters_.outstanding, 3);
  manual_.CompleteAll();
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(counters_.outstanding, 0);
}

TEST_F(HostedSessionTest, TakesBackWhatItHadOutstandingWhenItDies) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get(), 0);
  manual_.limits.max_batches = 0;
  ASSERT_TRUE(Send(session.get(), stream, Messages(1, 3)).ok());
  EXPECT_EQ(counters_.outstanding, 3);
  session.reset();
  EXPECT_EQ(counters_.outstanding, 0);
}

}  // namespace
}  // namespace msgproc::processor
