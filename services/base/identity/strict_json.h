#ifndef MSGPROC_SERVICES_BASE_IDENTITY_STRICT_JSON_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_STRICT_JSON_H_

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace msgproc::base {

// An object in JSON (RFC 8259, UTF-8) from somebody who may mean harm: at most
// 16 levels deep, since what looks at it later goes down by recursion. Anything
// else is `discarded`.
nlohmann::json ParseJsonObject(absl::string_view text);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_STRICT_JSON_H_
