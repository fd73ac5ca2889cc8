#ifndef MSGPROC_SERVICES_BASE_LIVE_JSON_WRITER_H_
#define MSGPROC_SERVICES_BASE_LIVE_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace msgproc::base {

// Builds one JSON value. Within an object each value has a key, within an array
// none. What is open at the end must have been closed. Pure; not thread-safe.
//
//   JsonWriter json;
//   json.BeginObject().Text("name", name).BeginArray("values");
//   for (double value : values) json.Number("", value);
//   json.End().End();
//   return json.Take();
class JsonWriter {
 public:
  JsonWriter& BeginObject(absl::string_view key = "");
  JsonWriter& BeginArray(absl::string_view key = "");
  JsonWriter& End();

  // Any bytes: what is no UTF-8 becomes U+FFFD.
  JsonWriter& Text(absl::string_view key, absl::string_view value);
  // What is not finite becomes null. As exact as a double is, and a whole
  // number up to 2^53 with all its digits.
  JsonWriter& Number(absl::string_view key, double value);
  JsonWriter& Number(absl::string_view key, uint64_t value);
  // Four digits, as much as a chart shows.
  JsonWriter& Rough(absl::string_view key, double value);
  JsonWriter& Flag(absl::string_view key, bool value);

  // The value; the writer is empty again.
  std::string Take();

 private:
  void Begin(absl::string_view key);
  JsonWriter& Open(absl::string_view key, char bracket, char end);

  std::string json_;
  // What closes each that is open.
  std::vector<char> ends_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LIVE_JSON_WRITER_H_
