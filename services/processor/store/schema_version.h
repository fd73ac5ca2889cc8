#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SCHEMA_VERSION_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SCHEMA_VERSION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// Versions of a store's tables. A change comes in two releases: the first one
// adds what the later one needs and still keeps what the earlier one reads
// (expand), and raises `kSchemaVersion`; the second one removes what nobody
// reads any more (contract), and raises `kOldestReader` to the first.
// (Sadalage and Fowler, "Evolutionary database design": parallel change.)
//
// A store says both: its version, and the oldest binary that may use it. So a
// fleet can be rolled back by one release, and no further.
inline constexpr int64_t kSchemaVersion = 3;
inline constexpr int64_t kOldestReader = 1;
// Of the bytes in `results`: entries as on the wire.
inline constexpr int64_t kEncodingVersion = 1;

// Whether this binary may use a store that says so of itself.
// FAILED_PRECONDITION: a later one is needed, with both versions. Pure.
absl::Status CheckSchemaVersion(int64_t version, int64_t oldest_reader,
                                int64_t encoding);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SCHEMA_VERSION_H_
