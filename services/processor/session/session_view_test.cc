#include "services/processor/session/session_view.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/executors/inline_executor.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;

// A stream whose lock is in front of its session's, as a ProcessReactor's is.
class DumpedStream final : public AttachedStream {
 public:
  void OnResultsReady(bool /*more*/) override {}
  void OnTakenOver() override {}
  void AddDump(absl::Time now, std::vector<StateDump>* dumps) override {
    MutexLock lock(&mutex_);
    dumps->push_back(StateDump(
        "processor::StreamState",
        {{"accepted", session->accepted_through()}, {"now", When(now, now)}}));
  }

  HostedSession* session = nullptr;

 private:
  Mutex mutex_;
};

class SessionViewTest : public SessionFixture {
 protected:
  ~SessionViewTest() override { manual_.DropAll(); }

  static std::vector<std::string> Machines(
      const std::vector<StateDump>& dumps) {
    std::vector<std::string> names;
    for (const StateDump& dump : dumps) names.push_back(dump.machine());
    return names;
  }
  static StateDump Of(const std::vector<StateDump>& dumps,
                      absl::string_view machine) {
    for (const StateDump& dump : dumps) {
      if (dump.machine() == machine) return dump;
    }
    ADD_FAILURE() << machine;
    return StateDump("");
  }
};

TEST_F(SessionViewTest, MachinesStandInTheOrderInWhichAMessageMeetsThem) {
  auto session = NewSession(&manual_);
  auto stream = std::make_shared<DumpedStream>();
  stream->session = session.get();
  session->Attach(stream, 0);
  ASSERT_TRUE(session->OnFrame(stream.get(), *TestFrame(Messages(1, 3))).ok());
  const std::vector<StateDump> dumps = DumpOf(*session);
  EXPECT_THAT(Machines(dumps),
              ElementsAre("processor::StreamState", "processor::HostedSession",
                          "processor::Session", "processor::SessionBatches",
                          "processor::HandlerBinding"));
  // It was asked without the session's lock.
  EXPECT_EQ(dumps[0]["accepted"], "3");
  EXPECT_EQ(dumps[0]["now"], "now");
  EXPECT_EQ(dumps[1]["session_id"], "'s'");
  EXPECT_EQ(dumps[1]["attached"], "true");
  EXPECT_EQ(dumps[2]["accepted_through"], "3");
  EXPECT_EQ(dumps[3]["out"], "2");
  EXPECT_EQ(dumps[4]["max_batches"], "4");
}

TEST_F(SessionViewTest, WhoIsDetachedHasNoStream) {
  auto session = NewSession(&manual_);
  const Stream stream = Attach(session.get());
  session->Detach(stream.get());
  EXPECT_EQ(Of(DumpOf(*session), "processor::HostedSession")["attached"],
            "false");
}

TEST_F(SessionViewTest, TheExecutorSaysWhichItIs) {
  InlineExecutor executor;
  auto session = NewSession(&executor, "");
  const std::vector<StateDump> dumps = DumpOf(*session);
  EXPECT_EQ(dumps.back().machine(), "processor::InlineExecutor");
  const StateDump binding = Of(dumps, "processor::HandlerBinding");
  EXPECT_EQ(binding["runs_at_once"], "true");
  EXPECT_EQ(binding["max_messages"], "any");
  EXPECT_EQ(Of(dumps, "processor::Session")["kind"], "anonymous");
  EXPECT_EQ(Of(dumps, "processor::HostedSession")["session_id"], "''");
}

TEST_F(SessionViewTest, NamesAreBoundedAndSecretsStayAway) {
  binding_.executor = &manual_;
  auto session = std::make_shared<HostedSession>(
      HostedSession::Identity{std::string(500, 'x'), "a-secret-token",
                              "client"},
      &binding_, limits_, &counters_, &clock_);
  for (const StateDump& dump : DumpOf(*session)) {
    for (const StateDump::Field& field : dump.fields()) {
      EXPECT_LT(field.value.size(), 200u) << field.name;
      EXPECT_EQ(field.value.find("a-secret"), std::string::npos) << field.name;
    }
  }
}

}  // namespace
}  // namespace msgproc::processor
