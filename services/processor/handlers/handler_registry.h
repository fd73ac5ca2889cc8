#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_REGISTRY_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_REGISTRY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/processor/handlers/handler.h"

namespace msgproc::processor {

// The handlers that a processor offers, by name. Filled before the server
// starts, by calls in main(), and only read afterwards: thread-compatible.
class HandlerRegistry {
 public:
  struct Entry {
    std::string name;
    std::unique_ptr<Handler> handler;
    HandlerTraits traits;
  };

  // Handlers are named [a-z0-9_.-], 1 to 64 characters. Crashes at a malformed
  // or repeated name: both are mistakes in the program.
  HandlerRegistry& Register(absl::string_view name,
                            std::unique_ptr<Handler> handler,
                            HandlerTraits traits = {});

  // NOT_FOUND names what there is.
  absl::StatusOr<const Entry*> Find(absl::string_view name) const;

  std::vector<std::string> Names() const;
  // The one that was registered first; empty when there is none.
  const std::string& first() const { return first_; }

 private:
  std::map<std::string, Entry> entries_;
  std::string first_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_REGISTRY_H_
