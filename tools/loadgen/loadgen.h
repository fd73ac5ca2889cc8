#ifndef MSGPROC_TOOLS_LOADGEN_LOADGEN_H_
#define MSGPROC_TOOLS_LOADGEN_LOADGEN_H_

#include "tools/loadgen/plan/plan.h"
#include "tools/loadgen/report/report.h"

namespace msgproc::loadgen {

// The program between its flags and its exit code: makes the plan, finds the
// processor, runs, writes the reports. What goes wrong is told on standard
// error. SIGINT and SIGTERM must be blocked in every thread.
ExitCode RunLoadgen(Options options);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_LOADGEN_H_
