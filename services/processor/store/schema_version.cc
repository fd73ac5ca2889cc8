#include "services/processor/store/schema_version.h"

#include "absl/strings/str_cat.h"

namespace msgproc::processor {

absl::Status CheckSchemaVersion(int64_t version, int64_t oldest_reader,
                                int64_t encoding) {
  if (version < 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store's table msgproc_meta is broken: it has "
                     "schema_version ",
                     version, ". Restore a backup."));
  }
  if (oldest_reader > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the store has tables of version ", version,
        ", which need a processor that knows version ", oldest_reader,
        "; this one knows version ", kSchemaVersion,
        ". Start a later release, or restore the store's backup from before "
        "the upgrade."));
  }
  if (encoding > kEncodingVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store has results of encoding ", encoding,
                     ", and this processor knows encoding ", kEncodingVersion,
                     ". Start a later release."));
  }
  return absl::OkStatus();
}

}  // namespace msgproc::processor
