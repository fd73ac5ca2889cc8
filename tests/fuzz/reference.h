#ifndef MSGPROC_TESTS_FUZZ_REFERENCE_H_
#define MSGPROC_TESTS_FUZZ_REFERENCE_H_

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/stubs/logging.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/frame.h"

namespace msgproc::fuzz {

// Protobuf writes a line for each text that is not UTF-8.
inline const bool kProtobufIsSilent = [] {
  google::protobuf::SetLogHandler(nullptr);
  return true;
}();

// Whether protobuf's generated classes can read it.
template <typename Message>
bool Reads(absl::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

inline void CheckSameHeaders(
    const wire::HeaderRange& range,
    const google::protobuf::RepeatedPtrField<v1::Header>& headers) {
  int i = 0;
  for (const wire::HeaderView& header : range) {
    MSGPROC_CHECK_LT(i, headers.size());
    MSGPROC_CHECK_EQ(header.key, headers[i].key());
    MSGPROC_CHECK_EQ(header.value, headers[i].value());
    ++i;
  }
  MSGPROC_CHECK_EQ(i, headers.size());
}

}  // namespace msgproc::fuzz

#endif  // MSGPROC_TESTS_FUZZ_REFERENCE_H_
