#include "common/callback_threads.h"
#include "common/process_tuning.h"
#include "services/base/descriptor_limit.h"
#include "services/base/shutdown_signal.h"
#include "tools/loadgen/flags.h"
#include "tools/loadgen/loadgen.h"

int main(int argc, char** argv) {
  msgproc::TuneProcess();
  msgproc::base::RaiseDescriptorLimit();
  msgproc::base::ShutdownSignal::Block();
  msgproc::loadgen::ParseCommandLineOrExit(argc, argv);
  const msgproc::CallbackThreads callback_threads;
  return static_cast<int>(
      msgproc::loadgen::RunLoadgen(msgproc::loadgen::OptionsFromFlags()));
}
