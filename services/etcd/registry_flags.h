#ifndef MSGPROC_SERVICES_ETCD_REGISTRY_FLAGS_H_
#define MSGPROC_SERVICES_ETCD_REGISTRY_FLAGS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "services/etcd/registry_options.h"

namespace msgproc::etcd {

// None without --registry. INVALID_ARGUMENT and errors of files: all that is
// wrong with the flags.
absl::StatusOr<std::optional<RegistryOptions>> RegistryOptionsFromFlags();

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_REGISTRY_FLAGS_H_
