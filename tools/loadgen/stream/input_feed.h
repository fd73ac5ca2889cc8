#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_INPUT_FEED_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_INPUT_FEED_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "tools/loadgen/stream/line_reader.h"
#include "tools/loadgen/stream/ordered_output.h"
#include "tools/loadgen/stream/pacing_thread.h"

namespace msgproc::loadgen {

struct FeedRecord {
  absl::Status status;                       // Of the input and the output.
  bool ended = false;                        // All of the input was sent.
  std::optional<GeneratorRecord> generator;  // With --rate.
  std::vector<Backlog> backlogs;             // What generator.unsent counts.
};

// Sends the lines of the input, line i on stream i % streams, until it ends or
// the gate closes: to be run on a thread of its own. A full window of the
// stream whose turn it is holds the others up too (results are wanted in
// order); with --rate that wait is not held against the generator, and lines
// that were there and due when the gate closes are a backlog. `output` may be
// null. What it wrote is there when it returns.
FeedRecord RunInputFeed(const Plan& plan, const NanoClock& clock, int64_t start,
                        PhaseGate* gate, const LoadStreams& streams,
                        LineReader* input, OrderedOutput* output);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_INPUT_FEED_H_
