// A processor with a handler that breaks its word: registered as never_blocks,
// it blocks the thread that reads for as long as the file $STALL_FILE exists.
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "services/processor/run_processor.h"

namespace {

class Stall final : public msgproc::processor::Handler {
 public:
  absl::Status Handle(const msgproc::processor::HandlerContext& /*context*/,
                      const msgproc::processor::Message& message,
                      msgproc::processor::Reply* reply) override {
    while (access(std::getenv("STALL_FILE"), F_OK) == 0) usleep(10'000);
    reply->BorrowPayload(message.payload);
    return absl::OkStatus();
  }
};

}  // namespace

int main(int argc, char** argv) {
  msgproc::processor::HandlerRegistry handlers;
  handlers.Register("echo", std::make_unique<Stall>(), {.never_blocks = true});
  return msgproc::processor::RunProcessor(argc, argv, handlers);
}
