#include "services/processor/session/anonymous_sessions.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "gtest/gtest.h"
#include "services/processor/executors/batch.h"
#include "services/processor/executors/inline_executor.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/session/session_limits.h"

namespace msgproc::processor {
namespace {

class AnonymousSessionsTest : public testing::Test {
 protected:
  AnonymousSessionsTest() { binding_.executor = &executor_; }

  std::shared_ptr<HostedSession> New() {
    return std::make_shared<HostedSession>(HostedSession::Identity(), &binding_,
                                           SessionLimits(), &counters_,
                                           Clock::Monotonic());
  }
  std::vector<std::shared_ptr<HostedSession>> All() const {
    std::vector<std::shared_ptr<HostedSession>> all;
    sessions_.AppendTo(&all);
    return all;
  }

  InlineExecutor executor_;
  HandlerBinding binding_;
  ProcessorCounters counters_;
  AnonymousSessions sessions_;
};

TEST_F(AnonymousSessionsTest, AreFoundByTheirNumberUntilTheyAreRemoved) {
  const auto first = New();
  const auto second = New();
  sessions_.Add(first);
  sessions_.Add(second);
  EXPECT_NE(first->number(), second->number());
  EXPECT_EQ(sessions_.Find(second->number()), second);
  sessions_.Remove(*first);
  sessions_.Remove(*first);
  EXPECT_EQ(sessions_.Find(first->number()), nullptr);
  EXPECT_EQ(All(), std::vector{second});
}

TEST_F(AnonymousSessionsTest, AreListedOnceEachHoweverManyThereAre) {
  std::vector<std::shared_ptr<HostedSession>> made;
  // More than are gathered at once, and one less or more than a multiple.
  for (int i = 0; i < 513; ++i) {
    EXPECT_EQ(All(), made);
    made.push_back(New());
    sessions_.Add(made.back());
  }
  EXPECT_EQ(All(), made);
}

TEST_F(AnonymousSessionsTest, AreNotKeptAlive) {
  auto session = New();
  const uint64_t number = session->number();
  sessions_.Add(session);
  session.reset();
  EXPECT_EQ(sessions_.Find(number), nullptr);
  EXPECT_TRUE(All().empty());
}

}  // namespace
}  // namespace msgproc::processor
