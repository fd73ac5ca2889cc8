// Another stream takes a session over, at every awkward moment.
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SessionTakeoverTest : public SessionFixture {};

TEST_F(SessionTakeoverTest, TheOlderStreamHasNoPartInItAnyMore) {
  auto session = NewSession(&inline_);
  const Stream older = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), older, Messages(1, 2)).ok());
  const Stream newer = Attach(session.get());
  EXPECT_TRUE(absl::IsAborted(Send(session.get(), older, Messages(3, 1))));
  EXPECT_THAT(Take(session.get(), older), IsEmpty());
  // Nor may it end as if all had been answered to it.
  EXPECT_FALSE(Output(session.get(), older).all_taken);
  session->CloseInput(older.get());
  EXPECT_FALSE(session->Detach(older.get()));
  EXPECT_EQ(Take(session.get(), newer), Range(1, 2));
  EXPECT_TRUE(Send(session.get(), newer, Messages(3, 1)).ok());
}

TEST_F(SessionTakeoverTest, ABatchThatIsOutComesBackToTheNewerStream) {
  auto session = NewSession(&manual_);
  const Stream older = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), older, Messages(1, 4)).ok());
  manual_.Complete(0);
  EXPECT_EQ(Take(session.get(), older), Range(1, 2));
  const Stream newer = Attach(session.get(), 1);
  manual_.Complete(0);
  EXPECT_EQ(older->results_ready, 1);
  EXPECT_EQ(newer->results_ready, 1);
  EXPECT_EQ(Take(session.get(), newer), Range(2, 4));
}

TEST_F(SessionTakeoverTest, WhileTheOlderStreamProcessesItsFrame) {
  auto session = NewSession(&inline_);
  const Stream older = Attach(session.get(), 0);
  Stream newer;
  inline_.hook = [&](const Batch& /*batch*/) {
    newer = Attach(session.get());
    // Waits for its turn behind what the older stream is at.
    EXPECT_TRUE(Send(session.get(), newer, Messages(3, 2)).ok());
    EXPECT_THAT(Take(session.get(), newer), IsEmpty());
  };
  EXPECT_TRUE(Send(session.get(), older, Messages(1, 2)).ok());
  EXPECT_GE(newer->results_ready, 1);
  EXPECT_EQ(Take(session.get(), newer), Range(1, 4));
}

TEST_F(SessionTakeoverTest, WhileTheOlderStreamResumesProcessing) {
  limits_.max_result_bytes = 100;
  auto session = NewSession(&inline_, "s");
  inline_.limits.max_messages = 1;
  const Stream older = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), older, Messages(1, 1, 200)).ok());
  ASSERT_TRUE(Send(session.get(), older, Messages(2, 1, 20)).ok());
  EXPECT_THAT(Take(session.get(), older), ElementsAre(1));
  Stream newer;
  inline_.hook = [&](const Batch& /*batch*/) {
    newer = Attach(session.get(), 1);
    EXPECT_THAT(Take(session.get(), newer), IsEmpty());
  };
  // The half-close lets go of what was taken, which makes room.
  session->CloseInput(older.get());
  ASSERT_NE(newer, nullptr);
  EXPECT_GE(newer->results_ready, 1);
  EXPECT_THAT(Take(session.get(), newer), ElementsAre(2));
}

TEST_F(SessionTakeoverTest, WhileTheOlderStreamMakesRoomByTaking) {
  limits_.max_result_bytes = 100;
  auto session = NewSession(&inline_);
  const Stream older = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), older, Messages(1, 1, 200)).ok());
  ASSERT_TRUE(Send(session.get(), older, Messages(2, 1, 20)).ok());
  session->CloseInput(older.get());
  const HostedSession::Output output = Output(session.get(), older);
  EXPECT_EQ(output.results, 1U);
  ASSERT_TRUE(output.can_resume);
  Stream newer;
  inline_.hook = [&](const Batch& /*batch*/) {
    newer = Attach(session.get(), 1);
  };
  session->Resume(older.get());
  ASSERT_NE(newer, nullptr);
  EXPECT_GE(newer->results_ready, 1);
  EXPECT_THAT(Take(session.get(), newer), ElementsAre(2));
}

TEST_F(SessionTakeoverTest, ByAClientThatIsAheadWhileABatchRunsInline) {
  auto session = NewSession(&inline_);
  const Stream older = Attach(session.get(), 0);
  Stream newer;
  inline_.hook = [&](const Batch& /*batch*/) {
    newer = Attach(session.get(), 10);
    EXPECT_TRUE(Send(session.get(), newer, Messages(11, 3)).ok());
  };
  EXPECT_TRUE(Send(session.get(), older, Messages(1, 2)).ok());
  EXPECT_EQ(Take(session.get(), newer), Range(11, 13));
  EXPECT_EQ(counters_.outstanding, 0);
}

TEST_F(SessionTakeoverTest, AResumedSessionReadsAgainAfterAHalfClose) {
  limits_.max_result_bytes = 100;
  auto session = NewSession(&inline_);
  const Stream older = Attach(session.get(), 0);
  ASSERT_TRUE(Send(session.get(), older, Messages(1, 1, 50)).ok());
  session->CloseInput(older.get());
  const Stream newer = Attach(session.get());
  ASSERT_TRUE(Send(session.get(), newer, Messages(2, 1, 90)).ok());
  ASSERT_TRUE(Send(session.get(), newer, Messages(3, 1, 90)).ok());
  // Nothing is let go of an attached session that may still acknowledge.
  EXPECT_EQ(Take(session.get(), newer), Range(1, 2));
  EXPECT_FALSE(Output(session.get(), newer).can_resume);
  ASSERT_TRUE(Acknowledge(session.get(), newer, 2).ok());
  EXPECT_THAT(Take(session.get(), newer), ElementsAre(3));
}

}  // namespace
}  // namespace msgproc::processor
