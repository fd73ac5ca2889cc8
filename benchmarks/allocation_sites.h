#ifndef MSGPROC_BENCHMARKS_ALLOCATION_SITES_H_
#define MSGPROC_BENCHMARKS_ALLOCATION_SITES_H_

#include <cstdint>

namespace msgproc::benchmarks {

// Where a program allocates: counts by the innermost frames of the stack.
// Allocates nothing itself, so that malloc may call it. Thread-safe; slow.

// Counts the stack behind the caller of its caller, which is malloc. Does
// nothing before StartAllocationSites.
void NoteAllocation();

// Begins to count, from zero.
void StartAllocationSites();

// Ends counting and prints the sites seen at least once in 10,000 `messages`,
// most first, as offsets for addr2line(1).
void PrintAllocationSites(uint64_t messages);

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_ALLOCATION_SITES_H_
