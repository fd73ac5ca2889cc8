#include "services/processor/store/open_store.h"

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "services/base/user_path.h"
#include "services/processor/store/postgres_store.h"
#include "services/processor/store/random_name.h"
#include "services/processor/store/sqlite_store.h"
#include "services/processor/store/store_url.h"

namespace msgproc::processor {

absl::StatusOr<std::unique_ptr<SessionStore>> OpenSessionStore(
    const StoreOptions& options) {
  const auto url = ParseStoreUrl(options.url);
  if (!url.ok()) return url.status();
  StoreOptions named = options;
  if (named.owner.empty()) named.owner = RandomName();
  if (url->kind == StoreUrl::Kind::kPostgres) {
    return OpenPostgresStore(url->description, named);
  }
  std::error_code error;
  const std::string path =
      std::filesystem::absolute(base::UserPath(url->target), error).string();
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat(url->description, ": ", error.message()));
  }
  return OpenSqliteStore({.path = path}, named);
}

}  // namespace msgproc::processor
