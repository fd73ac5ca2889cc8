#ifndef MSGPROC_TESTS_API_HANDLERS_H_
#define MSGPROC_TESTS_API_HANDLERS_H_

// The handlers of docs/handlers.md, which shows them line by line
// (page_test.py).

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/processor/handlers/async_handler.h"
#include "services/processor/handlers/handler.h"
#include "services/processor/handlers/transaction.h"

namespace example {

using msgproc::processor::AsyncHandler;
using msgproc::processor::Handler;
using msgproc::processor::HandlerContext;
using msgproc::processor::Message;
using msgproc::processor::Reply;
using msgproc::processor::Responder;

class Reverse final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& context, const Message& message,
                      Reply* reply) override {
    if (message.payload.empty()) {
      return absl::InvalidArgumentError("There is nothing to reverse.");
    }
    reply->mutable_payload()->assign(message.payload.rbegin(),
                                     message.payload.rend());
    return absl::OkStatus();
  }
};

// Answers whom it knows the sender as, and passes the header `trace` on.
class WhoAmI final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& context, const Message& message,
                      Reply* reply) override {
    for (const auto& header : message.headers()) {
      if (header.key == "trace") {
        reply->AddHeader("trace", std::string(header.value));
      }
    }
    const auto& session = context.session();
    *reply->mutable_payload() = absl::StrCat(
        session.principal.Shown(), " as ", session.client_name, ", try ",
        context.attempt(), " of ", context.idempotency_key());
    return absl::OkStatus();
  }
};

// Takes long, and stops when nobody waits for it any more.
class SlowSum final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& context, const Message& message,
                      Reply* reply) override {
    uint64_t last = 0;
    if (!absl::SimpleAtoi(message.payload, &last)) {
      return absl::InvalidArgumentError("Send a number.");
    }
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= last; ++i) {
      sum += i;
      // It may be a system call: now and then is enough.
      if (i % 100'000 == 0 && context.cancelled()) {
        return absl::CancelledError("Nobody waits for the sum.");
      }
    }
    *reply->mutable_payload() = absl::StrCat(sum);
    return absl::OkStatus();
  }
};

// Something that answers later, on a thread of its own.
class PriceService {
 public:
  using Done = std::function<void(absl::StatusOr<int>)>;
  virtual ~PriceService() = default;
  virtual void Ask(const std::string& article, Done done) = 0;
};

class Price final : public AsyncHandler {
 public:
  explicit Price(PriceService* service) : service_(service) {}

  void Start(const HandlerContext& context, const Message& message,
             Responder responder) override {
    // Shared, since a std::function is copied; the message lives as long.
    auto answer = std::make_shared<Responder>(std::move(responder));
    service_->Ask(std::string(message.payload),
                  [answer](absl::StatusOr<int> cents) {
                    if (!cents.ok()) return answer->Fail(cents.status());
                    Reply reply;
                    *reply.mutable_payload() = absl::StrCat(*cents);
                    answer->Finish(reply);
                  });
  }

 private:
  PriceService* const service_;
};

// Counts messages by their payload, each once whatever dies.
class Tally final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& context, const Message& message,
                      Reply* reply) override {
    auto rows = context.transaction()->Execute(
        "INSERT INTO tally (word, seen) VALUES ($1, 1) "
        "ON CONFLICT (word) DO UPDATE SET seen = tally.seen + 1 "
        "RETURNING seen",
        {std::string(message.payload)});
    // After an error of the store nothing of this message is kept.
    if (!rows.ok()) return rows.status();
    *reply->mutable_payload() =
        absl::StrCat(std::get<int64_t>(rows->at(0).at(0)));
    return absl::OkStatus();
  }
};

}  // namespace example

#endif  // MSGPROC_TESTS_API_HANDLERS_H_
