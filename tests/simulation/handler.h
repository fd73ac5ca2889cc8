#ifndef MSGPROC_TESTS_SIMULATION_HANDLER_H_
#define MSGPROC_TESTS_SIMULATION_HANDLER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/processor/executors/executor.h"
#include "services/processor/handlers/handler.h"
#include "services/processor/handlers/transaction.h"
#include "services/processor/store/session_committer.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/client.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/host.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

// What the fleet's messages are handled by: tells the checker, and leaves one
// effect in the store where there is a transaction.
class Handler final : public processor::Handler {
 public:
  Handler(std::string server, Checker* checker)
      : server_(std::move(server)), checker_(checker) {}

  absl::Status Handle(const processor::HandlerContext& context,
                      const processor::Message& message,
                      processor::Reply* reply) override {
    const std::string& session = context.session().session_id;
    checker_->OnHandled(server_, Client::NumberOf(session), message.sequence,
                        message.payload);
    *reply->mutable_payload() = Checker::ResultOf(message.payload);
    if (context.transaction() == nullptr) return absl::OkStatus();
    // Another key each time, so that what takes effect twice shows.
    return context.transaction()
        ->Execute("insert", {absl::StrCat(session, "/", message.sequence, "/",
                                          checker_->handled()),
                             "done"})
        .status();
  }

 private:
  const std::string server_;
  Checker* const checker_;
};

// Handles batches in the transactions that commit their results.
class TransactionExecutor final : public processor::Executor {
 public:
  TransactionExecutor(processor::SessionCommitter* committer,
                      const Conditions& conditions)
      : committer_(committer), max_messages_(conditions.MaxMessages()) {}

  Limits LimitsFor(
      const processor::HandlerBinding& /*binding*/) const override {
    return {.max_batches = 1, .max_messages = max_messages_};
  }

  std::unique_ptr<processor::Batch> Execute(
      std::unique_ptr<processor::Batch> batch) override {
    auto session = batch->owner->commits();
    const uint64_t number = batch->session_number;
    committer_->Submit(number, std::move(session), std::move(batch));
    return nullptr;
  }

 private:
  processor::SessionCommitter* const committer_;
  const uint64_t max_messages_;
};

// Runs batches after some time each, several of them at the same time.
class SlowExecutor final : public processor::Executor {
 public:
  SlowExecutor(Host* host, const Conditions& conditions, Random random)
      : host_(host),
        handling_(conditions.handling),
        max_messages_(conditions.MaxMessages()),
        random_(random) {}

  Limits LimitsFor(
      const processor::HandlerBinding& /*binding*/) const override {
    return {.max_batches = Conditions::kMaxBatches,
            .max_messages = max_messages_};
  }

  std::unique_ptr<processor::Batch> Execute(
      std::unique_ptr<processor::Batch> batch) override {
    const uint64_t number = ++batches_;
    held_[number] = std::move(batch);
    const absl::Duration takes = random_.About(handling_);
    host_->After(takes, [this, number, takes] {
      auto done = held_.extract(number);
      done.mapped()->ParsePieces();
      if (!processor::RunHandler(done.mapped().get(), &never_)) return;
      done.mapped()->handler_time = takes;
      processor::Batch::Done(std::move(done.mapped()));
    });
    return nullptr;
  }

  // The process is dead: its batches go before the sessions that have them.
  void Drop() { held_.clear(); }

 private:
  Host* const host_;
  const absl::Duration handling_;
  const uint64_t max_messages_;
  Random random_;
  const std::atomic<bool> never_{false};
  uint64_t batches_ = 0;
  // Not in the events: those may outlive the process.
  std::map<uint64_t, std::unique_ptr<processor::Batch>> held_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_HANDLER_H_
