#ifndef MSGPROC_SERVICES_BASE_DESCRIPTOR_LIMIT_H_
#define MSGPROC_SERVICES_BASE_DESCRIPTOR_LIMIT_H_

#include <cstdint>

namespace msgproc::base {

// Raises this process's soft limit on file descriptors to its hard one and
// returns what holds then. The soft limit is low (1024) for the sake of
// programs that use select(), which we do not; systemd's advice is to raise it
// (https://0pointer.net/blog/file-descriptor-limits.html). Child processes
// inherit it. Changes nothing where it cannot.
uint64_t RaiseDescriptorLimit();

// The soft limit as it is.
uint64_t DescriptorLimit();

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_DESCRIPTOR_LIMIT_H_
