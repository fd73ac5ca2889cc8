#include "common/state_dump.h"

#include "common/utf8.h"

namespace msgproc {
namespace {

// Without digits that say nothing to people.
absl::Duration Rounded(absl::Duration length) {
  const absl::Duration unit = absl::AbsDuration(length) < absl::Seconds(1)
                                  ? absl::Microseconds(1)
                                  : absl::Milliseconds(1);
  return absl::Trunc(length, unit);
}

}  // namespace

StateDump::Value::Value(absl::Duration value)
    : text_(absl::FormatDuration(Rounded(value))) {}

StateDump::StateDump(
    absl::string_view machine,
    std::initializer_list<std::pair<absl::string_view, Value>> fields)
    : machine_(machine) {
  for (const auto& [name, value] : fields) Add(name, value);
}

void StateDump::Add(absl::string_view name, const Value& value) {
  fields_.push_back(
      {std::string(name), TruncateUtf8(value.text_, kMostValueBytes)});
}

absl::string_view StateDump::operator[](absl::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return field.value;
  }
  return "";
}

std::string When(absl::Time time, absl::Time now) {
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
    return "never";
  }
  const absl::Duration away = Rounded(time - now);
  if (away < absl::ZeroDuration()) {
    return absl::StrCat(absl::FormatDuration(-away), " ago");
  }
  if (away > absl::ZeroDuration()) {
    return absl::StrCat("in ", absl::FormatDuration(away));
  }
  return "now";
}

}  // namespace msgproc
