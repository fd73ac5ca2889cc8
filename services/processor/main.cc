#include "absl/flags/flag.h"
#include "services/processor/handlers/builtin.h"
#include "services/processor/run_processor.h"

ABSL_FLAG(bool, spin_handler, false,
          "Have the handler spin as well, which burns as much CPU as a message "
          "asks for: for benchmarks and tests, not where strangers connect.");

int main(int argc, char** argv) {
  using namespace msgproc::processor;  // NOLINT
  return RunProcessor(argc, argv,
                      [](HandlerRegistry* handlers) {
                        BuiltinOptions options;
                        if (absl::GetFlag(FLAGS_spin_handler))
                          options.spin = kDefaultSpin;
                        RegisterBuiltinHandlers(handlers, options);
                      },
                      {.name = "msgproc-processor",
                       .usage = "bazel run //services/processor -- [flags]"});
}
