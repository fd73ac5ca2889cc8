#include "tools/ctl/worker_text.h"

#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "wire/proto_duration.h"

namespace msgproc::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(WorkerTextTest, AProcessorWithoutWorkersSaysSo) {
  EXPECT_EQ(WorkerLines({}),
            "no workers: handlers run in the processor itself (Model I)\n");
}

TEST(WorkerTextTest, ALineSaysWhatAWorkerDoes) {
  admin::v1::ListWorkersResponse workers;
  workers.set_slots(2);
  workers.set_serving(1);
  workers.set_waiting_messages(5);
  admin::v1::Worker* worker = workers.add_workers();
  worker->set_slot(0);
  worker->set_pid(4711);
  worker->set_state(admin::v1::WORKER_STATE_SERVING);
  *worker->mutable_age() = wire::ToProto(absl::Minutes(3));
  *worker->mutable_state_age() = wire::ToProto(absl::Seconds(100));
  worker->set_restarts(2);
  worker->set_in_flight(12);
  worker->set_sessions(3);
  worker->set_messages(12'345);
  *worker->mutable_oldest_batch() = wire::ToProto(absl::Milliseconds(250));
  worker->set_memory(64 << 20);
  worker->set_last_exit("signal 9 (Killed)\x1b[2J");
  *worker->mutable_last_exit_age() = wire::ToProto(absl::Seconds(101));
  worker = workers.add_workers();
  worker->set_slot(1);
  worker->set_state(admin::v1::WORKER_STATE_ABSENT);
  const std::string text = WorkerLines(workers);
  EXPECT_THAT(
      text,
      testing::MatchesRegex(
          "WORKER +PID +STATE +FOR +AGE +RESTARTS +IN FLIGHT +SESSIONS "
          "+MESSAGES "
          "+OLDEST +MEMORY +LAST EXIT\n"
          "0 +4711 +serving +100 s +3 min +2 +12 +3 +12.3k +250 ms +64 MiB +"
          "signal 9 \\(Killed\\).*, 101 s ago\n"
          "1 +- +absent +- +- +0 +0 +0 +0 +- +- +-\n"
          "1 of 2 serve, 5 messages wait for a worker\n"));
  // It does not write on the operator's terminal.
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace msgproc::ctl
