#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_MACHINE_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_MACHINE_H_

#include <string>

namespace msgproc::loadgen {

// The machine that this runs on, for a report's reader: "build-7, 2 of 8 CPUs
// (AMD EPYC 7B13), 31 GiB, Linux 6.1.0-18-amd64". CPUs that this process may
// use, of those there are.
std::string DescribeMachine();

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_MACHINE_H_
