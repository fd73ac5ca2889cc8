#include "benchmarks/durable/upsert.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "services/processor/handlers/handler.h"
#include "services/processor/handlers/transaction.h"

namespace msgproc::benchmarks {
namespace {

class MakeTable final : public processor::Handler {
 public:
  absl::Status Handle(const processor::HandlerContext& context,
                      const processor::Message& message,
                      processor::Reply* reply) override {
    reply->BorrowPayload(message.payload);
    return context.transaction()->Execute(kMakeTable).status();
  }
};

class Upsert final : public processor::Handler {
 public:
  absl::Status Handle(const processor::HandlerContext& context,
                      const processor::Message& message,
                      processor::Reply* reply) override {
    reply->BorrowPayload(message.payload);
    const size_t session =
        std::hash<std::string>()(context.session().session_id);
    return context.transaction()->ExecuteLater(
        kUpsert, {UpsertKey(session, message.sequence)});
  }
};

}  // namespace

int64_t UpsertKey(uint64_t session, uint64_t number) {
  return static_cast<int64_t>(session * kRows + number % kRows);
}

void RegisterUpsert(processor::HandlerRegistry* registry) {
  const processor::HandlerTraits traits = {.transactional = true};
  registry->Register("upsert", std::make_unique<Upsert>(), traits)
      .Register("make_table", std::make_unique<MakeTable>(), traits);
}

}  // namespace msgproc::benchmarks
