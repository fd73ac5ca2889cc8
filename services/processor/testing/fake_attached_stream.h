#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_FAKE_ATTACHED_STREAM_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_FAKE_ATTACHED_STREAM_H_

#include <atomic>

#include "services/processor/session/hosted_session.h"

namespace msgproc::processor {

// A stream that counts what it is told.
class FakeAttachedStream final : public AttachedStream {
 public:
  void OnResultsReady(bool more) override {
    ++results_ready;
    if (more) ++more_to_come;
  }
  void OnTakenOver() override { ++taken_over; }

  std::atomic<int> results_ready{0};
  std::atomic<int> more_to_come{0};
  std::atomic<int> taken_over{0};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_FAKE_ATTACHED_STREAM_H_
