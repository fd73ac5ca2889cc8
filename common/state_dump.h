#ifndef MSGPROC_COMMON_STATE_DUMP_H_
#define MSGPROC_COMMON_STATE_DUMP_H_

#include <cstddef>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace msgproc {

// What a state machine holds at some moment, for whoever debugs it: its members
// by the names that the code has for them (without the last underscore), with
// their values in words. Made when somebody asks and never otherwise; a plain
// value, which refers to nothing.
//
//   StateDump("etcd::LeaseState", {{"phase", PhaseName(phase_)},
//                                  {"lease_ends", When(lease_ends_, now)}});
//
// Shown to operators, and pasted into reports by them: no payloads, tokens or
// other secrets. What others have written is Quoted.
class StateDump {
 public:
  // Longer values are cut.
  static constexpr size_t kMostValueBytes = 1024;

  class Value {
   public:
    // NOLINTBEGIN(google-explicit-constructor): so that fields read as pairs.
    template <typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
    Value(T value) : text_(TextOf(value)) {}
    Value(absl::Duration value);
    Value(absl::string_view word) : text_(word) {}
    Value(std::string text) : text_(std::move(text)) {}
    Value(const char* word) : text_(word) {}
    // NOLINTEND(google-explicit-constructor)

   private:
    friend class StateDump;

    template <typename T>
    static std::string TextOf(T value) {
      if constexpr (std::is_same_v<T, bool>) {
        return value ? "true" : "false";
      } else {
        return absl::StrCat(value);
      }
    }

    std::string text_;
  };

  struct Field {
    std::string name;
    std::string value;

    friend bool operator==(const Field&, const Field&) = default;
  };

  // `machine`: its class, with the namespace.
  explicit StateDump(
      absl::string_view machine,
      std::initializer_list<std::pair<absl::string_view, Value>> fields = {});

  void Add(absl::string_view name, const Value& value);

  const std::string& machine() const { return machine_; }
  const std::vector<Field>& fields() const { return fields_; }
  // Of the first field of that name; empty: there is none.
  absl::string_view operator[](absl::string_view name) const;

 private:
  std::string machine_;
  std::vector<Field> fields_;
};

// A time as seen at `now`: "in 2.5s", "300ms ago", "now"; "never" where it is
// infinite.
std::string When(absl::Time time, absl::Time now);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_STATE_DUMP_H_
