#ifndef MSGPROC_BENCHMARKS_CPU_TIME_H_
#define MSGPROC_BENCHMARKS_CPU_TIME_H_

#include <sys/types.h>

namespace msgproc::benchmarks {

// CPU seconds used so far: by this process, by a processor, and by the
// processor's children.
struct CpuTime {
  double client = 0;
  double server = 0;
  double workers = 0;

  static CpuTime Of(pid_t server);

  CpuTime operator-(const CpuTime& before) const {
    return {client - before.client, server - before.server,
            workers - before.workers};
  }
};

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_CPU_TIME_H_
