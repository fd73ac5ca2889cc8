#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_OPEN_STREAMS_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_OPEN_STREAMS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "grpcpp/support/server_callback.h"
#include "services/processor/stream/process_reactor.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/stream/stream_ages.h"

namespace msgproc::processor {

// The streams of a processor that are open, and what is done with all or some
// of them: draining, moving, giving up clients that are silent. Thread-safe.
// Outlives the streams.
class OpenStreams {
 public:
  // `processor` outlives it.
  explicit OpenStreams(ProcessorContext* processor)
      : processor_(processor),
        ages_(processor->options().max_stream_age,
              processor->options().stream_age_seed) {}

  // Begins a stream on a call that has just come; to be handed to gRPC. While
  // the processor drains, the stream is told to leave at once.
  ProcessReactor* Start(grpc::CallbackServerContext* call);

  // Tells every stream, also those to come, to leave.
  void DrainAll(absl::Duration grace);
  // Tells up to `sessions` streams with resumable sessions to go to `address`,
  // or wherever their clients find if that is empty; returns how many.
  size_t Move(size_t sessions, const std::string& address);
  // Ends the stream that carries a session, UNAVAILABLE. False: none does.
  bool EndStreamOf(const HostedSession& session, absl::string_view why);
  // Ends what is left.
  void EndAll(absl::string_view why);
  size_t count() const;
  // Waits until there are no streams, at most `timeout`; may return early.
  void WaitUntilNone(absl::Duration timeout);

  // Gives up clients that are silent, do not read or may not be here any more,
  // and tells sessions whose stream is old to go elsewhere. To be called about
  // once a second.
  void Tick();

  // For operators who debug: looks at each stream, which takes milliseconds
  // where there are ten thousand.
  StateDump Dump() const;

 private:
  using Stream = std::shared_ptr<ProcessReactor>;
  using ByDue = std::multimap<absl::Time, Stream>;

  std::vector<Stream> All() const;
  absl::Duration NextAge() MSGPROC_EXCLUDES(mutex_);
  void Add(const Stream& stream) MSGPROC_EXCLUDES(mutex_);
  void Remove(const Stream& stream) MSGPROC_EXCLUDES(mutex_);
  void RecheckAccess();
  void Reschedule(const Stream& stream, absl::Time due)
      MSGPROC_EXCLUDES(mutex_);

  ProcessorContext* const processor_;

  mutable Mutex mutex_;
  CondVar emptied_;
  // By when each is to be ticked: ten thousand that are idle are not all looked
  // at every second.
  ByDue by_due_ MSGPROC_GUARDED_BY(mutex_);
  // Where each stands in by_due_.
  std::unordered_map<const ProcessReactor*, ByDue::iterator> places_
      MSGPROC_GUARDED_BY(mutex_);
  bool draining_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Duration drain_grace_ MSGPROC_GUARDED_BY(mutex_);
  StreamAges ages_ MSGPROC_GUARDED_BY(mutex_);

  // Of keys and rules, when all streams were last checked.
  std::atomic<uint64_t> access_version_{0};
  // Of the memory's level, at the last tick.
  std::atomic<uint64_t> memory_changes_{0};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_OPEN_STREAMS_H_
