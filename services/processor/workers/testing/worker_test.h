#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_WORKER_TEST_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_WORKER_TEST_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/processor/workers/testing/fake_session.h"
#include "services/processor/workers/worker_process_executor.h"

namespace msgproc::processor {

// Tests with real worker processes: those of test_worker.cc, unless the options
// say otherwise.
class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    binding_.name = "obedient";
    binding_.max_payload_bytes = 1 << 20;
    options_.count = 2;
    options_.program =
        Runfile("services/processor/workers/testing/test_worker");
    options_.arguments = {"test_worker"};
  }
  ~WorkerTest() override {
    if (executor_ != nullptr) executor_->Stop();
  }

  static std::string Runfile(const std::string& path) {
    return absl::StrCat(std::getenv("TEST_SRCDIR"), "/",
                        std::getenv("TEST_WORKSPACE"), "/", path);
  }

  void Start() {
    auto executor = WorkerProcessExecutor::Start(options_);
    ASSERT_TRUE(executor.ok()) << executor.status();
    executor_ = *std::move(executor);
    binding_.executor = executor_.get();
  }
  void StartCommand(const std::string& command, bool lines = false) {
    options_.command = command;
    options_.lines = lines;
    Start();
  }

  std::shared_ptr<FakeSession> NewSession() {
    return FakeSession::Make(executor_.get(), &binding_);
  }

  // Waits, with a deadline.
  static bool Eventually(const std::function<bool()>& condition) {
    return base::Eventually(condition, absl::Seconds(60));
  }

  // Process ids of workers that answer now, over a few messages.
  std::vector<pid_t> Pids(int messages = 8) {
    auto session = NewSession();
    for (int i = 0; i < messages; ++i) session->SendBatch({"pid"});
    std::vector<pid_t> pids;
    for (const auto& result :
         session->Results(static_cast<uint64_t>(messages))) {
      EXPECT_TRUE(absl::SimpleAtoi(result.payload(), &pids.emplace_back()));
    }
    return pids;
  }

  static std::vector<std::string> Payloads(int messages) {
    std::vector<std::string> payloads;
    payloads.reserve(static_cast<size_t>(messages));
    for (int i = 0; i < messages; ++i) {
      payloads.push_back(absl::StrCat("message ", i));
    }
    return payloads;
  }

  uint64_t deaths() const {
    return executor_->departures(Departure::kExit) +
           executor_->departures(Departure::kSignal) +
           executor_->departures(Departure::kTimeout) +
           executor_->departures(Departure::kProtocol);
  }

  HandlerBinding binding_;
  WorkerOptions options_;
  std::unique_ptr<WorkerProcessExecutor> executor_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_WORKER_TEST_H_
