#ifndef MSGPROC_COMMON_RESIDENT_MEMORY_H_
#define MSGPROC_COMMON_RESIDENT_MEMORY_H_

#include <sys/types.h>

#include <cstddef>

namespace msgproc {

// How many bytes of memory the process has resident; 0: it cannot be read, or
// there is none. Costs a look at /proc. Thread-safe.
size_t ResidentBytes(pid_t pid);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_RESIDENT_MEMORY_H_
