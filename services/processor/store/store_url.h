#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_STORE_URL_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_STORE_URL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// Which store is meant, and where it is.
struct StoreUrl {
  enum class Kind { kSqlite, kPostgres };
  Kind kind = Kind::kSqlite;
  // A path, or all of the URL, as libpq reads it.
  std::string target;
  // For logs and errors: "sqlite:PATH"; of PostgreSQL the host, the port, the
  // database and the user that libpq finds.
  std::string description;
};

// "sqlite:PATH", "postgresql://…" or "postgres://…". INVALID_ARGUMENT says what
// would be right, and repeats nothing that may be a password. Pure.
absl::StatusOr<StoreUrl> ParseStoreUrl(absl::string_view url);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_STORE_URL_H_
