#ifndef MSGPROC_SERVICES_BASE_SETTING_NAME_H_
#define MSGPROC_SERVICES_BASE_SETTING_NAME_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace msgproc::base {

// From what a setting is called in a library's options to what a user calls it.
// Only a program knows which flags its settings are: a library whose texts name
// settings is given one of these with its options.
using SettingName = std::function<std::string(absl::string_view option)>;

// As the options call it.
inline std::string AsOption(absl::string_view option) {
  return std::string(option);
}

// An error with the settings that it is about in front, as they are called by
// now. OK stays OK.
inline absl::Status NamingSettings(absl::string_view settings,
                                   const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(settings, ": ", status.message()));
}

// A flag of the same name: "--name".
inline std::string AsFlag(absl::string_view option) {
  return absl::StrCat("--", option);
}

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SETTING_NAME_H_
