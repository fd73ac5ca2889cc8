#include "services/processor/store/open_store.h"

#include "services/processor/store/store_url.h"

namespace msgproc::processor {

absl::StatusOr<std::unique_ptr<SessionStore>> OpenSessionStore(
    const StoreOptions& options) {
  const auto url = ParseStoreUrl(options.url);
  if (!url.ok()) return url.status();
  return absl::UnimplementedError("stores are about to come");
}

}  // namespace msgproc::processor
