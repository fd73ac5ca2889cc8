#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_PROCESSOR_FIXTURE_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_PROCESSOR_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/fake_clock.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/server.h"
#include "services/processor/session/refusal.h"
#include "services/processor/testing/frames.h"
#include "services/processor/testing/raw_stream.h"
#include "services/processor/testing/test_handlers.h"

namespace msgproc::processor {

// A well-behaved client of a session of its own.
class Neighbour {
 public:
  explicit Neighbour(const std::string& address);

  // Sends some messages and gets their results, each once and in order.
  void Exchange();
  // Ends its stream as clients do.
  void Leave();

 private:
  RawStream stream_;
  uint64_t sent_ = 0;
};

// A real processor on a free port, with a clock that stands still, and a
// neighbour of whoever the test lets loose on it: when the test is over, the
// neighbour has got all that is its own, and nothing is left of the others.
//
// With `workers` the same, and handlers run in worker processes: the test's own
// program, with which gate_ and seen_ are shared.
//
// Handlers:
//   echo       the payload                        (default, inline)
//   uppercase, sha256, spin                       (built in)
//   seen       the payload; counts it in seen_    (inline)
//   pool       the payload; counts it in seen_    (pool)
//   gate       the payload, behind gate_          (pool)
//   inlinegate the payload, behind gate_          (inline)
//   throw      throws
//   size       as many bytes as the payload says  (inline)
//   jitter     the payload, after a while         (pool)
//   who        what it is told of the sender      (inline)
//   whopool    likewise                           (pool)
//   later      the payload, from another thread   (async)
class ProcessorFixture : public testing::Test {
 public:
  // How many worker processes the processors of this program's tests have; 0:
  // Model I. Set by main.
  static int workers;

 protected:
  ProcessorFixture();

  // With options_, once the test has changed them.
  void Start();
  void TearDown() override;

  const std::string& address() const { return server_->address(); }
  ProcessorCounters& counters() { return *server_->context()->counters(); }
  uint64_t refusals(Refusal reason) {
    return counters().refused[static_cast<size_t>(reason)];
  }
  Neighbour& neighbour() { return *neighbour_; }

  // Lets time pass, in steps, while the neighbour behaves.
  void Pass(absl::Duration time);

  // How many frames the processor has read, and streams it has ended.
  double FramesRead() { return Total("grpc_server_msg_received_total"); }
  double StreamsEnded() { return Total("grpc_server_handled_total"); }
  // A counter of the method's, over all labels.
  double Total(const std::string& metric);

  // A further processor with the same options and handlers.
  std::unique_ptr<Server> StartAnother();

  static bool Eventually(const std::function<bool()>& condition) {
    return base::Eventually(condition, absl::Seconds(60));
  }

  // The session has no stream any more.
  bool EventuallyDetached(int64_t sessions) {
    return Eventually([&] { return counters().sessions_detached == sessions; });
  }

  FakeClock clock_;
  const SharedWatch watch_;
  Gate& gate_ = watch_.get()->gate;
  Sightings& seen_ = watch_.get()->seen;
  HandlerRegistry handlers_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Neighbour> neighbour_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_PROCESSOR_FIXTURE_H_
