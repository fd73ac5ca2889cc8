#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRATION_ADVICE_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRATION_ADVICE_H_

#include <string>

#include "absl/status/status.h"

namespace msgproc::processor {

// What an operator may do about a registration that ended so; `uses_tls`: with
// --balancer_ca. Empty where the status says it all. Pure.
std::string RegistrationAdvice(const absl::Status& ended, bool uses_tls);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRATION_ADVICE_H_
