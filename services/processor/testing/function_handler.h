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

  explicit FunctionHandler(Function function)
      : function_(std::move(function)) {}

  absl::Status Handle(const Message& message, Reply* reply) override {
    return function_(message, reply);
  }

 private:
  const Function function_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_FUNCTION_HANDLER_H_
