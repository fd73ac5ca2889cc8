#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_LOAD_STREAMS_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_LOAD_STREAMS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/message_stream.h"
#include "tools/loadgen/report/report.h"
#include "tools/loadgen/stats/tally.h"
#include "tools/loadgen/stream/load_stream.h"

namespace msgproc::loadgen {

// All streams of a run. What stands here is done by the run's own thread.
using LoadStreams = std::vector<std::unique_ptr<LoadStream>>;

// Opens the streams of a plan; `base` says where to connect and how secured.
// INVALID_ARGUMENT: the address is malformed.
absl::StatusOr<LoadStreams> OpenStreams(
    const RunContext& context, const client::MessageStreamOptions& base);

// Waits until each has been answered by a server, until `timeout` after
// `since`, when the first was opened. CANCELLED: `stopped` said so.
absl::Status WaitUntilConnected(const LoadStreams& streams, absl::Time since,
                                absl::Duration timeout,
                                const std::function<bool()>& stopped);

// How many streams of each connection have been answered by a server.
std::vector<int> ConnectedStreams(const Options& asked,
                                  const LoadStreams& streams);

// Closes those that wait for nothing, in good order, and cuts the others. No
// callback runs any more when it returns.
void CloseStreams(const LoadStreams& streams);

// Leaves them as they are: an outbox keeps its session for the next run.
void DestroyStreams(const LoadStreams& streams);

// The sum of the phase's books.
Tally TakeTally(const LoadStreams& streams);

// Interruptions, servers and failures of all, into the report.
void TakeEntries(const LoadStreams& streams, Report* report);

// Counts what was sent and has no result as having waited until `end`.
void RecordWaiting(const LoadStreams& streams, int64_t end, Histogram* latency);

// When the last result of all came.
int64_t LastResultAt(const LoadStreams& streams);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_LOAD_STREAMS_H_
