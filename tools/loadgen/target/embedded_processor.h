#ifndef MSGPROC_TOOLS_LOADGEN_TARGET_EMBEDDED_PROCESSOR_H_
#define MSGPROC_TOOLS_LOADGEN_TARGET_EMBEDDED_PROCESSOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace msgproc::loadgen {

// A processor with the standard handlers in this very process, on a free port
// of the loopback: what a run uses when there is no other. Serves until it is
// destroyed.
class EmbeddedProcessor {
 public:
  static absl::StatusOr<std::unique_ptr<EmbeddedProcessor>> Start();

  virtual ~EmbeddedProcessor() = default;

  // host:port.
  virtual const std::string& address() const = 0;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TARGET_EMBEDDED_PROCESSOR_H_
