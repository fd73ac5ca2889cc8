#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_FUNCTION_HANDLER_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_FUNCTION_HANDLER_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "services/processor/handlers/handler.h"

namespace msgproc::processor {

// A handler that is a function. As thread-safe as that.
class FunctionHandler final : public Handler {
 public:
  using Function = std::function<absl::Status(const Message&, Reply*)>;
  using ContextFunction = std::function<absl::Status(const HandlerContext&,
                                                     const Message&, Reply*)>;

  explicit FunctionHandler(Function function)
      : function_([function = std::move(function)](
                      const HandlerContext& /*context*/, const Message& message,
                      Reply* reply) { return function(message, reply); }) {}
  explicit FunctionHandler(ContextFunction function)
      : function_(std::move(function)) {}

  absl::Status Handle(const HandlerContext& context, const Message& message,
                      Reply* reply) override {
    return function_(context, message, reply);
  }

 private:
  const ContextFunction function_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_FUNCTION_HANDLER_H_
