#include "services/base/live/json_writer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/check.h"
#include "services/base/log.h"

namespace msgproc::base {

JsonWriter& JsonWriter::BeginObject(absl::string_view key) {
  return Open(key, '{', '}');
}

JsonWriter& JsonWriter::BeginArray(absl::string_view key) {
  return Open(key, '[', ']');
}

JsonWriter& JsonWriter::End() {
  MSGPROC_CHECK(!ends_.empty());
  json_ += ends_.back();
  ends_.pop_back();
  return *this;
}

JsonWriter& JsonWriter::Text(absl::string_view key, absl::string_view value) {
  Begin(key);
  AppendJsonString(value, &json_);
  return *this;
}

JsonWriter& JsonWriter::Number(absl::string_view key, double value) {
  Begin(key);
  json_ += std::isfinite(value) ? absl::StrFormat("%.17g", value) : "null";
  return *this;
}

JsonWriter& JsonWriter::Number(absl::string_view key, uint64_t value) {
  Begin(key);
  absl::StrAppend(&json_, value);
  return *this;
}

JsonWriter& JsonWriter::Rough(absl::string_view key, double value) {
  Begin(key);
  json_ += std::isfinite(value) ? absl::StrFormat("%.4g", value) : "null";
  return *this;
}

JsonWriter& JsonWriter::Flag(absl::string_view key, bool value) {
  Begin(key);
  json_ += value ? "true" : "false";
  return *this;
}

std::string JsonWriter::Take() {
  MSGPROC_CHECK(ends_.empty());
  return std::exchange(json_, std::string());
}

void JsonWriter::Begin(absl::string_view key) {
  const bool first =
      json_.empty() || json_.back() == '{' || json_.back() == '[';
  // One value is all that there is.
  MSGPROC_CHECK(json_.empty() || !ends_.empty());
  if (!first) json_ += ',';
  const bool keyed = !ends_.empty() && ends_.back() == '}';
  MSGPROC_CHECK_EQ(keyed, !key.empty());
  if (!keyed) return;
  AppendJsonString(key, &json_);
  json_ += ':';
}

JsonWriter& JsonWriter::Open(absl::string_view key, char bracket, char end) {
  Begin(key);
  json_ += bracket;
  ends_.push_back(end);
  return *this;
}

}  // namespace msgproc::base
