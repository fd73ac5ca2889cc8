#ifndef MSGPROC_BENCHMARKS_MESSAGE_LOAD_H_
#define MSGPROC_BENCHMARKS_MESSAGE_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "benchmarks/measurement.h"

namespace msgproc::benchmarks {

struct MessageLoad {
  std::string address;
  std::string handler = "echo";
  // Each on a connection of its own.
  int streams = 1;
  uint64_t messages = 0;
  // A stream's messages without a result.
  uint64_t outstanding = 1024;
  uint64_t max_batch = UINT64_MAX;
  size_t payload_bytes = 64;
  // Measures each message's round trip.
  bool latency = false;
  // All messages are given to Send at once, by the caller's thread, on a stream
  // that is open and warm.
  bool burst = false;
};

// Sends the load through client::MessageStream and checks every result:
// sequence, order, payload. Exits the program when one is wrong.
Measurement RunMessages(const MessageLoad& load);

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_MESSAGE_LOAD_H_
