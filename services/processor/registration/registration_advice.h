#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRATION_ADVICE_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRATION_ADVICE_H_

#include <string>

#include "absl/status/status.h"
#include "services/base/setting_name.h"

namespace msgproc::processor {

// What an operator may do about a registration that ended so; `uses_tls`: it
// speaks TLS with the balancer. `name`: what the operator calls a processor's
// settings. Empty where the status says it all. Pure.
std::string RegistrationAdvice(const absl::Status& ended, bool uses_tls,
                               const base::SettingName& name);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTRATION_ADVICE_H_
