#include "services/processor/handlers/builtin.h"
#include "services/processor/run_processor.h"

int main(int argc, char** argv) {
  msgproc::processor::HandlerRegistry handlers;
  msgproc::processor::RegisterBuiltinHandlers(&handlers);
  return msgproc::processor::RunProcessor(
      argc, argv, handlers,
      {.name = "msgproc-processor",
       .usage = "bazel run //services/processor -- [flags]"});
}
