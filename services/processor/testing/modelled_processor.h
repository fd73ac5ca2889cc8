#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_MODELLED_PROCESSOR_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_MODELLED_PROCESSOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/fake_clock.h"
#include "services/processor/executors/batch.h"
#include "services/processor/executors/inline_executor.h"
#include "services/processor/handlers/handler.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/stream/stream_state.h"
#include "services/processor/testing/manual_executor.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::processor {

// A processor without gRPC and without threads: its machines are the product's
// (StreamState, Session, SessionTable, OpenStream), and what ProcessReactor
// does with them is done here one locked section at a time, in any order that
// threads could have. A Server of client::Simulation. Not thread-safe.
class ModelledProcessor {
 public:
  // A call of gRPC and the ProcessReactor on it.
  class Stream;

  ModelledProcessor(std::string id, std::mt19937_64* random, FakeClock* clock);
  ~ModelledProcessor();

  std::shared_ptr<Stream> NewStream();
  // Whether gRPC has been asked for a frame, and has not brought one.
  bool Reads(const Stream& stream) const;
  // Never fails: that the client breaks no rule shows in its status.
  absl::Status Read(Stream* stream, absl::string_view bytes);
  void HalfClose(Stream* stream);
  bool Write(Stream* stream, std::string* bytes);
  bool Over(const Stream& stream) const;
  absl::Status StatusOf(const Stream& stream) const;
  void Disconnect(Stream* stream);
  void Drain(Stream* stream);
  void Restart();
  // One thread takes a step, a handler is done, or the ticker comes by.
  void Work();

  static std::string ResultOf(const std::string& payload) { return payload; }

 private:
  friend class Stream;
  using Job = std::function<void()>;

  struct Process;

  void Start();
  void Kill();
  void Later(Job job) { jobs_.push_back(std::move(job)); }
  // One after another, with others in between.
  void InOrder(std::deque<Job> jobs);
  uint64_t Below(uint64_t bound) { return (*random_)() % bound; }
  void Tick();

  const std::string id_;
  std::mt19937_64* const random_;
  FakeClock* const clock_;
  std::unique_ptr<Process> process_;
  std::vector<std::shared_ptr<Stream>> streams_;
  std::vector<Job> jobs_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_MODELLED_PROCESSOR_H_
