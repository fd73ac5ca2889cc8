// What the machines of a session say that they hold.
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "gtest/gtest.h"
#include "services/processor/executors/batch.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/session/session.h"
#include "services/processor/session/session_batches.h"
#include "services/processor/session/session_commits.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"
#include "wire/entry_log.h"

namespace msgproc::processor {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(3600);

class SessionDumpTest : public testing::Test {
 protected:
  SessionDumpTest() { session_.Open(0); }

  void Accept(uint64_t first, uint64_t count) {
    const TestFrame frame(Messages(first, count));
    session_.Accept(frame->messages, kNow);
    session_.Enqueue(frame->messages);
  }
  Session::Run Dispatch(uint64_t messages) {
    std::vector<wire::Piece> pieces;
    return session_.NextBatch(100, messages, 1 << 20, &pieces);
  }
  void Complete(const Session::Run& run) {
    wire::EntryLog results;
    for (uint64_t i = 0; i < run.size; ++i) {
      wire::AppendResult(&results, run.first_position + i, "r");
    }
    ASSERT_TRUE(session_.Complete(run, &results));
  }
  StateDump Dump(absl::Duration later = absl::ZeroDuration()) const {
    return session_.Dump(kNow + later);
  }

  Session session_{Session::Kind::kStored, SessionLimits()};
};

TEST_F(SessionDumpTest, PositionsSayHowFarItHasCome) {
  Accept(1, 5);
  const Session::Run first = Dispatch(1);
  const Session::Run second = Dispatch(1);
  StateDump dump = Dump(absl::Seconds(2));
  EXPECT_EQ(dump.machine(), "processor::Session");
  EXPECT_EQ(dump["kind"], "stored");
  EXPECT_EQ(dump["accepted_through"], "5");
  EXPECT_EQ(dump["dispatched_through"], "2");
  EXPECT_EQ(dump["ready_through"], "0");
  EXPECT_EQ(dump["runs_out"], "2");
  EXPECT_EQ(dump["oldest_accepted_at"], "2s ago");
  EXPECT_EQ(dump["window_messages"], "5");
  // The second overtakes the first.
  Complete(second);
  dump = Dump();
  EXPECT_EQ(dump["ready_through"], "0");
  EXPECT_EQ(dump["reordered"], "1");
  EXPECT_EQ(dump["runs_out"], "1");
  Complete(first);
  dump = Dump();
  EXPECT_EQ(dump["ready_through"], "2");
  EXPECT_EQ(dump["reordered"], "0");
  EXPECT_EQ(dump["committed_through"], "0");
  EXPECT_EQ(dump["runs_committing"], "0");
  EXPECT_EQ(dump["next_uncommitted"], "1");
  // With the store, and back.
  std::vector<wire::Piece> pieces;
  const Session::Run committing = session_.TakeUncommitted(1 << 20, &pieces);
  EXPECT_EQ(Dump()["runs_committing"], "1");
  EXPECT_EQ(Dump()["next_uncommitted"], "3");
  session_.OnCommitted(committing);
  EXPECT_EQ(Dump()["committed_through"], "2");
  EXPECT_EQ(Dump()["taken_through"], "0");
  session_.TakeResults(1 << 20, &pieces);
  EXPECT_EQ(Dump()["taken_through"], "2");
  ASSERT_TRUE(session_.Acknowledge(1).ok());
  EXPECT_EQ(Dump()["received_through"], "1");
}

TEST_F(SessionDumpTest, FlagsSayWhatItWaitsFor) {
  EXPECT_EQ(Dump()["limited"], "false");
  session_.LimitResults(0);
  EXPECT_EQ(Dump()["limited"], "true");
  EXPECT_EQ(Dump()["result_limit"], "0");
  EXPECT_EQ(Dump()["paused"], "false");
  Accept(1, 2);
  Complete(Dispatch(1));
  EXPECT_EQ(Dump()["paused"], "true");
  EXPECT_EQ(Dump()["input_closed"], "false");
  session_.CloseInput();
  EXPECT_EQ(Dump()["input_closed"], "true");
  EXPECT_EQ(Dump()["epoch"], "1");
  session_.Restart(0);
  EXPECT_EQ(Dump()["epoch"], "2");
  EXPECT_EQ(Dump()["oldest_accepted_at"], "never");
}

TEST_F(SessionDumpTest, EachKindHasItsName) {
  using Kind = Session::Kind;
  EXPECT_EQ(Session(Kind::kAnonymous, SessionLimits()).Dump(kNow)["kind"],
            "anonymous");
  EXPECT_EQ(Session(Kind::kOpened, SessionLimits()).Dump(kNow)["kind"],
            "opened");
  EXPECT_EQ(Session(Kind::kOpened, SessionLimits()).Dump(kNow)["opened"],
            "false");
}

TEST_F(SessionDumpTest, CommitsSayWhatIsWithTheStore) {
  SessionCommits commits({.session_id = "s"}, {.epoch = 3}, kNow,
                         absl::Hours(1));
  const auto dump = [&] { return commits.Dump(kNow + absl::Seconds(5)); };
  EXPECT_EQ(dump().machine(), "processor::SessionCommits");
  EXPECT_EQ(dump()["epoch"], "3");
  EXPECT_EQ(dump()["touched_at"], "5s ago");
  EXPECT_EQ(dump()["run_size"], "0");
  Accept(1, 2);
  Complete(Dispatch(2));
  const SessionWrite write = commits.Take(&session_, 1 << 20, true);
  EXPECT_EQ(dump()["run_first_position"], "1");
  EXPECT_EQ(dump()["run_size"], "2");
  EXPECT_FALSE(commits.OnCommitted(&session_, write, 4));
  EXPECT_EQ(dump()["run_size"], "0");
  EXPECT_EQ(dump()["epoch"], "4");
  EXPECT_EQ(dump()["commits_since_trim"], "1");
  EXPECT_EQ(dump()["tries_to_write"], "false");
  EXPECT_EQ(dump()["tries_begun"], "");
  commits.OnWorkerDied({.begun = 2, .deaths = 1, .behind = 2});
  EXPECT_EQ(dump()["tries_to_write"], "true");
  EXPECT_EQ(dump()["tries_begun"], "2");
  EXPECT_EQ(dump()["tries_deaths"], "1");
  EXPECT_EQ(dump()["tries_behind"], "2");
  EXPECT_EQ(dump()["finished"], "false");
  commits.OnFinished();
  EXPECT_EQ(dump()["finished"], "true");
  EXPECT_EQ(dump()["fenced"], "false");
  commits.OnFenced();
  EXPECT_EQ(dump()["fenced"], "true");
  EXPECT_EQ(dump()["reclaiming"], "false");
  commits.BeginReclaim(session_);
  EXPECT_EQ(dump()["reclaiming"], "true");
}

TEST_F(SessionDumpTest, BatchesSayWhichAreOut) {
  HandlerBinding binding;
  SessionBatches batches(&binding, 7, nullptr);
  EXPECT_EQ(batches.Dump()["number"], "7");
  EXPECT_EQ(batches.Dump()["out"], "0");
  const Session::Run run = {.epoch = 2, .first_position = 5, .size = 3};
  batches.CountOut(run, 100);
  batches.CountOut({.epoch = 2, .first_position = 8, .size = 1}, 50);
  StateDump dump = batches.Dump();
  EXPECT_EQ(dump["out"], "2");
  EXPECT_EQ(dump["bytes_out"], "150");
  EXPECT_EQ(dump["out[0]"], "from position 5, 100 bytes, epoch 2");
  EXPECT_EQ(dump["out[1]"], "from position 8, 50 bytes, epoch 2");
  batches.Return(batches.New(run, std::make_shared<const SessionContext>()));
  dump = batches.Dump();
  EXPECT_EQ(dump["out"], "1");
  EXPECT_EQ(dump["out[0]"], "from position 8, 50 bytes, epoch 2");
  EXPECT_EQ(dump["spare"], "1");
  // Of many not all are named.
  for (uint64_t i = 0; i < 100; ++i) {
    batches.CountOut({.epoch = 2, .first_position = 9 + i, .size = 1}, 1);
  }
  dump = batches.Dump();
  EXPECT_EQ(dump["out"], "101");
  EXPECT_NE(dump["out[15]"], "");
  EXPECT_EQ(dump["out[16]"], "");
}

}  // namespace
}  // namespace msgproc::processor
