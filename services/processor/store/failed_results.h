#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_FAILED_RESULTS_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_FAILED_RESULTS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// Why results cannot stand, by the sequence of their message.
using Failures = std::map<uint64_t, absl::Status>;

// The same results, entries as on the wire, with an Error in place of each that
// has failed. They were written by this process. Pure.
std::string WithFailures(absl::string_view results, const Failures& failures);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_FAILED_RESULTS_H_
