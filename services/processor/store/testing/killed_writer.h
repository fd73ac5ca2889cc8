#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_KILLED_WRITER_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_KILLED_WRITER_H_

#include <cstdint>
#include <string>

namespace msgproc::processor {

// Runs store_writer on a store that has a table `ledger (key, value)` until it
// has said so many commits, and kills it (SIGKILL). Returns the last sequence
// that it said to be committed; 0, with a failed expectation: it ended itself.
uint64_t RunKilledWriter(const std::string& url, int commits);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_KILLED_WRITER_H_
