#ifndef MSGPROC_TOOLS_LOADGEN_TEST_PROCESSOR_H_
#define MSGPROC_TOOLS_LOADGEN_TEST_PROCESSOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "common/mutex.h"
#include "services/base/credentials.h"
#include "services/processor/handler_registry.h"
#include "services/processor/server.h"

namespace msgproc::loadgen {

// A real processor in the test's process, with handlers that misbehave:
//   echo       as it should be
//   uppercase  lies: gives the payload back as it was
//   flaky      fails every tenth message, INTERNAL "no luck"
//   stuck      answers nothing until the processor stops
class TestProcessor {
 public:
  explicit TestProcessor(const server::CredentialsOptions& credentials = {});
  ~TestProcessor();

  const std::string& address() const { return address_; }
  uint64_t messages_processed() const;

  // Ends without a word, and comes back on the same port knowing nothing.
  void Restart();

 private:
  class Stuck;

  void Start(const std::string& address);
  void Stop();

  const server::CredentialsOptions credentials_;
  processor::HandlerRegistry handlers_;
  Stuck* stuck_ = nullptr;  // The registry's.
  std::string address_;
  std::unique_ptr<processor::Server> server_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TEST_PROCESSOR_H_
