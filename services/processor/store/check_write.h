#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_CHECK_WRITE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_CHECK_WRITE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// Whether `write` goes on where the session is in the store. INTERNAL: it does
// not, and a commit would lose a message or repeat one. Pure.
absl::Status CheckWrite(const SessionWrite& write, uint64_t committed_through);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_CHECK_WRITE_H_
