#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_TEST_HANDLERS_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_TEST_HANDLERS_H_

#include <string>
#include <vector>

#include "services/processor/handlers/handler_registry.h"
#include "services/processor/testing/gate.h"
#include "services/processor/testing/sightings.h"

namespace msgproc::processor {

// What a test and its handlers share, wherever these run.
struct Watch {
  Gate gate;
  Sightings seen;
};

// A Watch in memory that the test's worker processes can share. Owned by the
// test.
class SharedWatch {
 public:
  SharedWatch();
  ~SharedWatch();
  SharedWatch(const SharedWatch&) = delete;
  SharedWatch& operator=(const SharedWatch&) = delete;

  Watch* get() const { return watch_; }

  // The arguments of this program, argv[0] first, that make it a worker of this
  // test.
  std::vector<std::string> WorkerArguments() const;

 private:
  int memory_;
  Watch* watch_;
};

// Whether the program was started with WorkerArguments.
bool IsTestWorker(int argc, char** argv);
// The life of such a worker. Returns main's exit code.
int RunTestWorker(char** argv);

// The handlers of ProcessorFixture. `watch` outlives them.
void RegisterTestHandlers(HandlerRegistry* handlers, Watch* watch);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_TEST_HANDLERS_H_
