#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRAR_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRAR_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"

namespace msgproc::processor {

// One place where a processor is registered, for ever: a balancer, or the
// fleet's registry. Thread-safe. Breaks what has not left when it is destroyed.
class Registrar {
 public:
  virtual ~Registrar() = default;

  // Reports as soon as it can, and waits until that was taken or cannot be,
  // until `deadline` at most.
  virtual void ReportNow() = 0;
  virtual void AwaitReport(absl::Time deadline) = 0;

  // Says goodbye; AwaitEnd waits until that was heard, until `deadline` at
  // most. There is no return.
  virtual void SayGoodbye() = 0;
  virtual void AwaitEnd(absl::Time deadline) = 0;

  // host:port of the balancer, or what etcd's keys begin with.
  virtual const std::string& balancer() const = 0;
  virtual bool registered() const = 0;

  // For operators who debug: adds what it holds. May wait, for a second at
  // most.
  virtual void AddDumps(absl::Time now, std::vector<StateDump>* dumps) = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRAR_H_
