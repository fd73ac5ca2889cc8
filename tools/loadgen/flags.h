#ifndef MSGPROC_TOOLS_LOADGEN_FLAGS_H_
#define MSGPROC_TOOLS_LOADGEN_FLAGS_H_

#include "tools/loadgen/plan/plan.h"

namespace msgproc::loadgen {

// Takes the command line: --help and --version exit with 0, a mistake is told
// on standard error and exits with 2.
void ParseCommandLineOrExit(int argc, char** argv);

// What the flags ask for; paths count from where the user is.
Options OptionsFromFlags();

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_FLAGS_H_
