#ifndef MSGPROC_TOOLS_LOADGEN_TESTING_TEST_PROCESSOR_H_
#define MSGPROC_TOOLS_LOADGEN_TESTING_TEST_PROCESSOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "common/mutex.h"
#include "services/base/credentials.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/server.h"

namespace msgproc::loadgen {

// A real processor in the test's process, with handlers that misbehave:
//   echo       as it should be
//   uppercase  lies: gives the payload back as it was
//   flaky      fails every tenth message, INTERNAL "no luck"
//   stuck      answers nothing until the processor stops
class TestProcessor {
 public:
  // A processor that is to be restarted wants a Unix socket: while a port is
  // free, a client that tries it again and again may connect to itself.
  explicit TestProcessor(const std::string& address = "127.0.0.1:0",
                         const base::CredentialsOptions& credentials = {});
  ~TestProcessor();

  const std::string& address() const { return address_; }
  uint64_t messages_processed() const;
  uint64_t sessions_opened() const;

  // Stops, and comes back at the same address knowing nothing.
  void Restart();
  // Ends without a word.
  void Stop();

 private:
  class Stuck;

  void Start(const std::string& address);

  const base::CredentialsOptions credentials_;
  processor::HandlerRegistry handlers_;
  Stuck* stuck_ = nullptr;  // The registry's.
  std::string address_;
  std::unique_ptr<processor::Server> server_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TESTING_TEST_PROCESSOR_H_
