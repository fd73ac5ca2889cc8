#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_MESSAGE_EFFECTS_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_MESSAGE_EFFECTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/processor/handlers/transaction.h"

namespace msgproc::processor {

// One SQL statement, with its parameters $1, $2, …
struct Statement {
  std::string sql;
  std::vector<SqlValue> parameters;
};

// What one message does to the store, said by a handler that runs in another
// process and has no Transaction: executed in the transaction that commits the
// message's result, or not at all.
struct MessageEffects {
  uint64_t sequence = 0;
  // At least one.
  std::vector<Statement> statements;
  // Of memory, about.
  size_t bytes = 0;
};

// Shared by the session, which keeps them until they are committed, and the
// commit that is under way.
using SharedEffects = std::shared_ptr<const MessageEffects>;

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_MESSAGE_EFFECTS_H_
