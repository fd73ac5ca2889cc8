#ifndef MSGPROC_BENCHMARKS_RAW_ECHO_H_
#define MSGPROC_BENCHMARKS_RAW_ECHO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "benchmarks/measurement.h"

// The ceiling: the least that gRPC allows. Frames are made before the clock
// runs, the server gives back the very buffer it read, and nobody looks inside.
namespace msgproc::benchmarks {

// A gRPC server that echoes frames. Serves until it is destroyed.
class RawEchoServer {
 public:
  // On 127.0.0.1, any free port.
  static std::unique_ptr<RawEchoServer> Start();
  virtual ~RawEchoServer() = default;
  virtual std::string address() const = 0;
};

struct RawEchoLoad {
  std::string address;
  // Each on a connection of its own.
  int streams = 1;
  uint64_t messages = 0;
  // A stream's messages without an answer, rounded up to whole frames.
  uint64_t outstanding = 1024;
  uint64_t messages_per_frame = 256;
  size_t payload_bytes = 64;
};

// Sends the load and waits for all of it. Latencies are those of frames.
Measurement RunRawEcho(const RawEchoLoad& load);

// Open streams, each on a connection of its own, on which nothing happens after
// a first frame.
class RawIdleStreams {
 public:
  // Returns once all are open.
  static std::unique_ptr<RawIdleStreams> Open(const std::string& address,
                                              int count);
  virtual ~RawIdleStreams() = default;
};

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_RAW_ECHO_H_
