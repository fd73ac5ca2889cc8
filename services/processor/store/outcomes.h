#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_OUTCOMES_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_OUTCOMES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/processor/store/claim.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// Reads what a store gives back: the results behind `received_through`, up to
// `committed_through`, at the positions of their sequences. What a store has
// may have been touched by anybody: DATA_LOSS says what is missing or broken.
absl::StatusOr<wire::EntryLog> ReadOutcomes(absl::Span<const Outcome> outcomes,
                                            uint64_t received_through,
                                            uint64_t committed_through);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_OUTCOMES_H_
