#ifndef MSGPROC_SERVICES_BASE_WRONG_SETTINGS_H_
#define MSGPROC_SERVICES_BASE_WRONG_SETTINGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/setting_name.h"

namespace msgproc::base {

// What is wrong with somebody's settings: all of it, so that it is corrected at
// once. A library finds it and names settings as its options do; only a program
// knows which flags they are. In a text a setting stands in braces: "{lines}
// needs {command}". Not thread-safe.
class WrongSettings {
 public:
  // "{name} is VALUE; it takes TAKES." where `right` is false.
  void Expect(bool right, absl::string_view name, const absl::AlphaNum& value,
              absl::string_view takes);
  void Expect(bool right, absl::string_view name, absl::Duration value,
              absl::string_view takes);

  // A sentence without anything from outside that may have braces in it.
  void Add(std::string sentence);
  // What another one has found; nothing if it is OK.
  void Add(const absl::Status& status);
  void Add(const WrongSettings& others, const SettingName& name);

  bool empty() const { return sentences_.empty(); }

  // INVALID_ARGUMENT with a line for each, or the code of the only status that
  // was added where there is nothing else; OK where nothing is wrong.
  absl::Status AsStatus(const SettingName& name) const;
  // In the options' own words.
  absl::Status AsStatus() const;

 private:
  struct Sentence {
    std::string In(const SettingName& name) const;

    absl::StatusCode code;
    std::string text;
    bool names_settings;
  };
  std::vector<Sentence> sentences_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_WRONG_SETTINGS_H_
