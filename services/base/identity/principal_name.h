#ifndef MSGPROC_SERVICES_BASE_IDENTITY_PRINCIPAL_NAME_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_PRINCIPAL_NAME_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::base {

inline constexpr size_t kMaxPrincipalNameBytes = 256;

// Whether `name` can be a principal's: not empty, at most 256 bytes, UTF-8, and
// nothing in it that makes a reader of logs and tables see something else than
// what is there (control characters, line separators, changes of the writing's
// direction). INVALID_ARGUMENT, saying what of it is wrong, without the name:
// "is empty".
absl::Status CheckPrincipalName(absl::string_view name);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_PRINCIPAL_NAME_H_
