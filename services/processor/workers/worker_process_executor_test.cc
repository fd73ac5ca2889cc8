#include "services/processor/workers/worker_process_executor.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/testing/worker_test.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;

using WorkerProcessExecutorTest = WorkerTest;

TEST_F(WorkerProcessExecutorTest, AnswersEveryMessageOnceAndInOrder) {
  options_.count = 4;
  Start();
  std::vector<std::shared_ptr<FakeSession>> sessions;
  const std::vector<std::string> payloads = Payloads(1500);
  for (int i = 0; i < 4; ++i) {
    sessions.push_back(NewSession());
    sessions.back()->Send(payloads);
  }
  for (const auto& session : sessions) {
    const auto results = session->Results(payloads.size());
    ASSERT_EQ(results.size(), payloads.size());
    EXPECT_EQ(session->wrong(), 0u);
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(results[i].payload(), payloads[i]);
      EXPECT_FALSE(results[i].has_error());
    }
  }
  EXPECT_EQ(executor_->counters().retries.load(), 0u);
}

TEST_F(WorkerProcessExecutorTest, SpreadsSlowMessagesOverItsWorkers) {
  options_.count = 3;
  Start();
  ASSERT_TRUE(Eventually([&] { return executor_->serving() == 3; }));
  auto session = NewSession();
  for (int i = 0; i < 3; ++i) session->SendBatch({"sleep 100", "pid"});
  std::set<std::string> pids;
  const auto results = session->Results(6);
  for (size_t i = 1; i < results.size(); i += 2) {
    pids.insert(results[i].payload());
  }
  EXPECT_EQ(pids.size(), 3u);
}

TEST_F(WorkerProcessExecutorTest, TakesLargerBatchesWhereMuchWaits) {
  options_.count = 1;
  Start();
  HandlerBinding binding;
  const auto limits = [&] { return executor_->LimitsFor(binding); };
  EXPECT_EQ(limits().max_messages, 4u);
  binding.message_nanoseconds = 10'000;
  EXPECT_EQ(limits().max_batches, 2u);
  EXPECT_EQ(limits().min_messages, 25u);
  EXPECT_EQ(limits().max_messages, 100u);
  auto session = NewSession();
  session->SendBatch({"sleep 500"});
  session->SendBatch(Payloads(100));
  // The worker has two assignments; this waits.
  session->SendBatch(Payloads(120));
  EXPECT_EQ(executor_->counters().waiting.load(), 120u);
  EXPECT_EQ(limits().min_messages, 60u);
  binding.traits.ordered = true;
  EXPECT_EQ(limits().max_batches, 1u);
  session->Results(221);
  EXPECT_EQ(limits().min_messages, 25u);
}

TEST_F(WorkerProcessExecutorTest, CarriesPayloadsLargerThanAnyBuffer) {
  Start();
  auto session = NewSession();
  const std::string large(1 << 20, 'x');
  session->Send(std::vector<std::string>(20, large));
  for (const auto& result : session->Results(20)) {
    EXPECT_TRUE(result.payload() == large);
  }
}

TEST_F(WorkerProcessExecutorTest, PassesAHandlersErrorOn) {
  Start();
  auto session = NewSession();
  session->Send({"a", "fail", "b"});
  const auto results = session->Results(3);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1].error().code(), 9);
  EXPECT_EQ(results[1].error().message(), "as asked");
  EXPECT_EQ(results[2].payload(), "b");
}

std::shared_ptr<const SessionContext> Alice() {
  return std::make_shared<const SessionContext>(SessionContext{
      .session_id = "s",
      .client_name = "till",
      .principal = {.source = base::Principal::Source::kToken, .name = "alice"},
      .peer = "ipv4:10.0.0.7:1"});
}

TEST_F(WorkerProcessExecutorTest, AHandlerIsToldWhoSendsItsMessages) {
  options_.handler_timeout = absl::Minutes(2);
  Start();
  auto session = NewSession();
  session->SendBatch({"who"});
  session->SetContext(Alice());
  session->SendBatch({"who", "who"});
  const auto results = session->Results(3);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].payload(), "  anonymous  obedient 1  limited");
  EXPECT_EQ(results[1].payload(),
            "s till alice ipv4:10.0.0.7:1 obedient 1 s/2 limited");
  EXPECT_EQ(results[2].payload(),
            "s till alice ipv4:10.0.0.7:1 obedient 1 s/3 limited");
}

TEST_F(WorkerProcessExecutorTest, AHandlerIsToldThatWorkersDiedOverAMessage) {
  Start();
  auto session = NewSession();
  session->SetContext(Alice());
  session->SendBatch({"die once", "who"});
  session->SendBatch({"who"});
  const auto results = session->Results(3);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_THAT(results[0].payload(), HasSubstr("obedient 2 s/1"));
  // It may have begun with this one too.
  EXPECT_THAT(results[1].payload(), HasSubstr("obedient 2 s/2"));
}

TEST_F(WorkerProcessExecutorTest, AHandlerSeesThatNobodyWaitsAnyMore) {
  options_.count = 1;
  Start();
  const std::string file = ::testing::TempDir() + "/cancelled";
  auto session = NewSession();
  session->SendBatch({"until cancelled " + file, "hang"});
  auto other = NewSession();
  other->SendBatch({"a"});
  EXPECT_TRUE(
      Eventually([&] { return executor_->counters().slots[0].held >= 2; }));
  EXPECT_NE(access(file.c_str(), F_OK), 0);
  session->Abandon();
  EXPECT_TRUE(Eventually([&] { return access(file.c_str(), F_OK) == 0; }));
  // What is behind it is not begun: it would hang.
  EXPECT_EQ(other->Results(1).size(), 1u);
  EXPECT_EQ(deaths(), 0u);
}

TEST_F(WorkerProcessExecutorTest, AMessageIsWithTheWorkerThatHasIt) {
  options_.count = 1;
  Start();
  const std::string file = ::testing::TempDir() + "/found";
  auto session = NewSession();
  session->SendBatch({"pid"});
  const std::string pid = session->Results(1)[0].payload();
  session->SendBatch({"until cancelled " + file, "hang"});
  for (const uint64_t position : {2, 3}) {
    const Executor::Whereabouts found =
        executor_->Find(session->number(), position);
    EXPECT_EQ(std::to_string(found.worker_pid), pid);
    EXPECT_FALSE(found.waiting);
  }
  for (const uint64_t position : {1, 4}) {
    EXPECT_TRUE(executor_->Find(session->number(), position).waiting);
  }
  EXPECT_TRUE(executor_->Find(session->number() + 1000, 2).waiting);
  session->Abandon();
  EXPECT_TRUE(Eventually([&] { return access(file.c_str(), F_OK) == 0; }));
}

TEST_F(WorkerProcessExecutorTest, MessagesOfABatchThatAnswerLaterWaitTogether) {
  binding_.name = "later";
  Start();
  auto session = NewSession();
  session->SetContext(Alice());
  session->SendBatch({"a", "b", "drop", "release"});
  const auto results = session->Results(4);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].payload(), "a s/1");
  EXPECT_EQ(results[1].payload(), "b s/2");
  EXPECT_EQ(results[2].error().code(), 13);
  EXPECT_EQ(results[3].payload(), "release s/4");
  EXPECT_EQ(session->wrong(), 0u);
}

TEST_F(WorkerProcessExecutorTest, OneThatNeverAnswersFailsAndKillsNoWorker) {
  options_.handler_timeout = absl::Seconds(10);
  binding_.name = "later";
  Start();
  auto session = NewSession();
  session->SendBatch({"never", "release"});
  const auto results = session->Results(2);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error().code(), 4);
  EXPECT_THAT(results[0].error().message(), HasSubstr("--handler_timeout"));
  EXPECT_EQ(results[1].payload(), "release ");
  EXPECT_EQ(deaths(), 0u);
}

TEST_F(WorkerProcessExecutorTest, AResultThatIsTooLargeKillsNoWorker) {
  options_.count = 1;
  Start();
  auto session = NewSession();
  session->SendBatch({"a", "headers 2000000", "grow 20000000", "headers 129",
                      "headers 128", "b"});
  const auto results = session->Results(6);
  ASSERT_EQ(results.size(), 6u);
  for (const size_t i : {1u, 2u, 3u}) {
    EXPECT_EQ(results[i].error().code(), 11) << i;
    EXPECT_FALSE(results[i].error().message().empty());
  }
  EXPECT_EQ(results[4].headers_size(), 128);
  EXPECT_EQ(results[5].payload(), "b");
  EXPECT_EQ(deaths(), 0u);
}

TEST_F(WorkerProcessExecutorTest, ManyLargeResultsOfSmallMessagesKillNoWorker) {
  options_.count = 1;
  Start();
  auto session = NewSession();
  // The worker has come to know them as fast, and takes many at once.
  session->SendBatch(Payloads(4000));
  ASSERT_EQ(session->Results(4000).size(), 4000u);
  session->SendBatch(std::vector<std::string>(100, "grow 1000000"));
  const auto results = session->Results(4100);
  ASSERT_EQ(results.size(), 4100u);
  for (size_t i = 4000; i < 4100; ++i) {
    EXPECT_EQ(results[i].payload().size(), 1'000'000u);
  }
  EXPECT_EQ(deaths(), 0u);
}

TEST_F(WorkerProcessExecutorTest, AnswersForAHandlerThatTheWorkerHasNot) {
  binding_.name = "missing";
  Start();
  auto session = NewSession();
  session->Send({"a", "b"});
  const auto results = session->Results(2);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].error().code(), 5);
}

TEST_F(WorkerProcessExecutorTest, LosesNothingToAWorkerThatIsKilled) {
  options_.count = 1;
  Start();
  const pid_t pid = Pids(1)[0];
  auto session = NewSession();
  session->SendBatch({"before", "sleep 200", "pid"});
  kill(pid, SIGKILL);
  const auto results = session->Results(3);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].payload(), "before");
  EXPECT_NE(results[2].payload(), absl::StrCat(pid));
  EXPECT_EQ(session->wrong(), 0u);
  EXPECT_GE(executor_->counters().retries.load(), 2u);
  EXPECT_EQ(executor_->departures(Departure::kSignal), 1u);
}

TEST_F(WorkerProcessExecutorTest,
       GivesUpAPoisonousMessageAfterItsAttemptsAndNoOther) {
  for (const int attempts : {1, 2, 3}) {
    options_.max_delivery_attempts = attempts;
    Start();
    auto session = NewSession();
    std::vector<std::string> payloads = Payloads(200);
    payloads[70] = "poison";
    session->SendBatch(payloads);
    const auto results = session->Results(payloads.size());
    ASSERT_EQ(results.size(), payloads.size());
    for (size_t i = 0; i < results.size(); ++i) {
      if (i == 70) continue;
      EXPECT_EQ(results[i].payload(), payloads[i]);
    }
    EXPECT_EQ(results[70].error().code(), 10);
    EXPECT_THAT(results[70].error().message(),
                HasSubstr(absl::StrCat("killed its worker ", attempts)));
    EXPECT_FALSE(results[70].error().retryable());
    EXPECT_EQ(deaths(), static_cast<uint64_t>(attempts));
    EXPECT_EQ(executor_->counters().given_up.load(), 1u);
    executor_->Stop();
  }
}

TEST_F(WorkerProcessExecutorTest,
       AMessageThatNeverReachedItsWorkerWasNotTried) {
  options_.count = 1;
  Start();
  bool behind = false;
  for (int round = 0; round < 50 && !behind; ++round) {
    const pid_t pid = Pids(1)[0];
    kill(pid, SIGSTOP);
    // More than a socket takes while its worker reads nothing.
    auto large = NewSession();
    large->SendBatch(std::vector<std::string>(4, std::string(1 << 20, 'x')));
    auto small = NewSession();
    small->SendBatch({"who"});
    // Not where the second came late, and waits for any worker.
    behind = executor_->counters().slots[0].held.load() == 5;
    kill(pid, SIGKILL);
    EXPECT_EQ(large->Results(4).size(), 4u);
    const auto results = small->Results(1);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_THAT(results[0].payload(), HasSubstr(" obedient 1 "));
  }
  EXPECT_TRUE(behind);
}

TEST_F(WorkerProcessExecutorTest, KillsAWorkerThatHangs) {
  options_.handler_timeout = absl::Milliseconds(300);
  Start();
  auto session = NewSession();
  session->SendBatch({"a", "hang", "b"});
  const auto results = session->Results(3);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].payload(), "a");
  EXPECT_EQ(results[1].error().code(), 10);
  EXPECT_THAT(results[1].error().message(), HasSubstr("timeout"));
  EXPECT_EQ(results[2].payload(), "b");
  EXPECT_EQ(executor_->departures(Departure::kTimeout), 3u);
}

TEST_F(WorkerProcessExecutorTest, LetsABatchTakeLongerThanAMessageMay) {
  options_.handler_timeout = absl::Milliseconds(500);
  Start();
  auto session = NewSession();
  session->SendBatch(std::vector<std::string>(10, "sleep 100"));
  for (const auto& result : session->Results(10)) {
    EXPECT_FALSE(result.has_error());
  }
  EXPECT_EQ(deaths(), 0u);
}

TEST_F(WorkerProcessExecutorTest, KeepsLiesToTheMessagesThatAskForThem) {
  options_.arguments = {"test_worker", "liar"};
  options_.max_delivery_attempts = 2;
  Start();
  for (const std::string lie : {"garbage", "text", "half", "huge", "stranger",
                                "sequence", "extra", "twice", "close"}) {
    SCOPED_TRACE(lie);
    const uint64_t before = deaths();
    auto session = NewSession();
    session->SendBatch({"a", absl::StrCat("lie ", lie), "b"});
    auto other = NewSession();
    other->Send(Payloads(50));
    const auto results = session->Results(3);
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].payload(), "a");
    EXPECT_EQ(results[2].payload(), "b");
    if (lie == "twice" || lie == "extra") {
      // The first of the two answers was true.
      EXPECT_TRUE(Eventually([&] { return deaths() > before; }));
    } else {
      EXPECT_EQ(results[1].error().code(), 10);
      EXPECT_EQ(deaths(), before + 2);
    }
    EXPECT_EQ(session->wrong(), 0u);
    for (const auto& result : other->Results(50)) {
      EXPECT_FALSE(result.has_error());
    }
    EXPECT_EQ(other->wrong(), 0u);
  }
}

TEST_F(WorkerProcessExecutorTest, SaysWhyNoWorkerStarts) {
  options_.arguments = {"test_worker", "broken"};
  const auto broken = WorkerProcessExecutor::Start(options_);
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(broken.status().message(), HasSubstr("exit code 4"));
  EXPECT_THAT(broken.status().message(), HasSubstr("no such model"));

  options_.program = "/nowhere/at/all";
  const auto missing = WorkerProcessExecutor::Start(options_);
  EXPECT_THAT(missing.status().message(), HasSubstr("No such file"));

  options_.command = "no-such-command-at-all";
  options_.lines = true;
  const auto command = WorkerProcessExecutor::Start(options_);
  EXPECT_THAT(command.status().message(), HasSubstr("exit code 127"));
  EXPECT_THAT(command.status().message(), HasSubstr("not found"));
}

TEST_F(WorkerProcessExecutorTest, DoesNotWaitForEverForAWorkerToBeReady) {
  options_.arguments = {"test_worker", "mute"};
  options_.start_timeout = absl::Milliseconds(100);
  const auto executor = WorkerProcessExecutor::Start(options_);
  EXPECT_EQ(executor.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(WorkerProcessExecutorTest, RefusesOptionsThatMakeNoSense) {
  const auto refused = [](const WorkerOptions& options) {
    return WorkerProcessExecutor::Start(options).status();
  };
  WorkerOptions options = options_;
  options.count = 0;
  EXPECT_THAT(refused(options).message(), HasSubstr("count is 0"));
  options = options_;
  options.max_delivery_attempts = 0;
  EXPECT_THAT(refused(options).message(),
              HasSubstr("max_delivery_attempts is 0"));
  options = options_;
  options.handler_timeout = absl::ZeroDuration();
  EXPECT_THAT(refused(options).message(), HasSubstr("handler_timeout is 0"));
  options = options_;
  options.lines = true;
  EXPECT_THAT(refused(options).message(), HasSubstr("none (command)"));
}

TEST_F(WorkerProcessExecutorTest, ReplacesItsWorkersWithoutRetryingAnything) {
  Start();
  ASSERT_TRUE(Eventually([&] { return executor_->serving() == 2; }));
  const auto before = Pids();
  auto session = NewSession();
  session->SendBatch({"sleep 300", "pid"});
  executor_->Replace();
  ASSERT_TRUE(Eventually(
      [&] { return executor_->departures(Departure::kReload) == 2; }));
  // A departure counts once its successor serves, a moment before the old one
  // is told.
  EXPECT_TRUE(Eventually([&] {
    for (const pid_t pid : Pids()) {
      if (std::find(before.begin(), before.end(), pid) != before.end()) {
        return false;
      }
    }
    return true;
  }));
  const auto results = session->Results(2);
  ASSERT_EQ(results.size(), 2u);
  // The old one finished what it held.
  EXPECT_THAT(before, ::testing::Contains(std::stoi(results[1].payload())));
  EXPECT_EQ(executor_->counters().retries.load(), 0u);
  EXPECT_EQ(deaths(), 0u);
  EXPECT_TRUE(Eventually([&] { return kill(before[0], 0) != 0; }));
}

TEST_F(WorkerProcessExecutorTest, RetiresAWorkerThatHasDoneItsShare) {
  options_.count = 1;
  options_.max_messages = 100;
  Start();
  auto session = NewSession();
  for (uint64_t i = 0; i < 10; ++i) {
    session->Send(Payloads(100));
    session->Results(100 * (i + 1));
  }
  EXPECT_TRUE(Eventually(
      [&] { return executor_->departures(Departure::kMessages) >= 1; }));
  EXPECT_EQ(session->answered(), 1000u);
  EXPECT_EQ(executor_->counters().retries.load(), 0u);
}

TEST_F(WorkerProcessExecutorTest, RetiresAWorkerThatGrowsTooLarge) {
  options_.count = 1;
  options_.max_memory = 128 << 20;
  Start();
  auto session = NewSession();
  session->Send({"leak", "leak", "leak"});
  EXPECT_EQ(session->Results(3).size(), 3u);
  EXPECT_TRUE(Eventually(
      [&] { return executor_->departures(Departure::kMemory) == 1; }));
  EXPECT_EQ(executor_->counters().retries.load(), 0u);
}

TEST_F(WorkerProcessExecutorTest, KeepsAnOrderedSessionInOrderOnOneWorker) {
  options_.count = 3;
  binding_.traits.ordered = true;
  Start();
  auto session = NewSession();
  session->Send(std::vector<std::string>(300, "pid"));
  std::set<std::string> pids;
  for (const auto& result : session->Results(300))
    pids.insert(result.payload());
  EXPECT_EQ(pids.size(), 1u);
  kill(std::stoi(*pids.begin()), SIGKILL);
  ASSERT_TRUE(Eventually([&] { return deaths() == 1; }));
  session->Send(std::vector<std::string>(300, "pid"));
  const auto results = session->Results(600);
  ASSERT_EQ(results.size(), 600u);
  std::set<std::string> later;
  for (size_t i = 300; i < 600; ++i) later.insert(results[i].payload());
  EXPECT_EQ(later.size(), 1u);
  EXPECT_NE(*later.begin(), *pids.begin());
}

TEST_F(WorkerProcessExecutorTest, FinishesWhatItHoldsWhenItStops) {
  Start();
  auto session = NewSession();
  session->SendBatch({"sleep 200", "a"});
  executor_->Stop();
  const auto results = session->Results(2, absl::ZeroDuration());
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].payload(), "a");
}

TEST_F(WorkerProcessExecutorTest, StopsThoughAHandlerHangs) {
  options_.leave_timeout = absl::Milliseconds(200);
  Start();
  const auto pids = Pids();
  auto session = NewSession();
  session->SendBatch({"hang", "a"});
  for (int i = 0; i < 10; ++i) session->SendBatch({"hang"});
  executor_->Stop();
  EXPECT_EQ(session->answered(), 0u);
  for (const pid_t pid : pids) EXPECT_NE(kill(pid, 0), 0);
  session->SendBatch({"too late"});
}

// A victim's messages take 20 ms each, one after the other: alone, and then
// beside a session whose messages do the worst. Both are measured in one run,
// so that what else the machine does falls on both.
class PoisonStormTest : public WorkerTest,
                        public ::testing::WithParamInterface<std::string> {
 protected:
  uint64_t AnsweredIn(absl::Duration time) {
    uint64_t answered = 0;
    for (const absl::Time end = absl::Now() + time; absl::Now() < end;) {
      const absl::Time begin = absl::Now();
      victim_->SendBatch({"sleep 20"});
      const auto results = victim_->Results(++sent_);
      EXPECT_EQ(results.size(), sent_);
      EXPECT_FALSE(results.back().has_error())
          << results.back().error().message();
      longest_ = std::max(longest_, absl::Now() - begin);
      ++answered;
    }
    return answered;
  }

  std::shared_ptr<FakeSession> victim_;
  uint64_t sent_ = 0;
  absl::Duration longest_;
};

TEST_P(PoisonStormTest, AVictimKeepsItsRate) {
  options_.count = 4;
  // Hanging messages hold a worker for a minute.
  options_.leave_timeout = absl::Milliseconds(200);
  Start();
  ASSERT_TRUE(Eventually([&] { return executor_->serving() == 4; }));
  victim_ = NewSession();
  const uint64_t calm = AnsweredIn(absl::Seconds(2));
  auto attacker = NewSession();
  attacker->Send(std::vector<std::string>(100, GetParam()));
  longest_ = absl::ZeroDuration();
  const uint64_t storm = AnsweredIn(absl::Seconds(4));
  // That it is half, and no 2 s, dispatcher_storm_test shows to the message.
  // Here new workers need CPU that a busy machine takes from the victim, and
  // the machine is not the same from second to second.
  EXPECT_GE(static_cast<double>(storm) / 4,
            0.3 * static_cast<double>(calm) / 2);
  EXPECT_LE(longest_, absl::Seconds(5));
  attacker->StopWaiting();
  executor_->Stop();
}

INSTANTIATE_TEST_SUITE_P(Messages, PoisonStormTest,
                         ::testing::Values("poison", "exit", "hang",
                                           "sleep 700"),
                         [](const auto& info) {
                           return info.param.substr(0, info.param.find(' '));
                         });

TEST_F(WorkerProcessExecutorTest, GivesNoWorkerWhatNobodyWaitsForAnyMore) {
  options_.count = 1;
  Start();
  auto gone = NewSession();
  gone->SendBatch({"sleep 300"});
  std::weak_ptr<FakeSession> weak = gone;
  for (int i = 0; i < 100; ++i) gone->SendBatch({"sleep 300"});
  gone->StopWaiting();
  auto other = NewSession();
  other->SendBatch({"a"});
  EXPECT_EQ(other->Results(1, absl::Seconds(20)).size(), 1u);
  EXPECT_LE(gone->answered(), 3u);
  // What was dropped holds nothing.
  gone.reset();
  EXPECT_TRUE(Eventually([&] { return weak.expired(); }));
}

TEST_F(WorkerProcessExecutorTest, SurvivesAStormOfDeaths) {
  options_.count = 4;
  // Whoever is hit by chance at each death is no culprit.
  options_.max_delivery_attempts = 31;
  Start();
  std::vector<std::shared_ptr<FakeSession>> sessions;
  for (int i = 0; i < 8; ++i) sessions.push_back(NewSession());
  uint64_t sent = 0;
  for (int round = 0; round < 30; ++round) {
    for (const auto& session : sessions) session->Send(Payloads(300));
    sent += 300;
    for (const pid_t pid : Pids(1)) kill(pid, SIGKILL);
    absl::SleepFor(absl::Milliseconds(20));
  }
  for (const auto& session : sessions) {
    const auto results = session->Results(sent);
    ASSERT_EQ(results.size(), sent);
    EXPECT_EQ(session->wrong(), 0u);
    for (const auto& result : results) {
      EXPECT_FALSE(result.has_error()) << result.error().message();
    }
  }
}

}  // namespace
}  // namespace msgproc::processor
