// ProcessResponse, read in place, and a Result's Error, as clients read them:
// as protobuf's generated classes do.
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/result_decoding.h"
#include "common/check.h"
#include "google/protobuf/duration.pb.h"
#include "msgproc/v1/processor.pb.h"
#include "tests/fuzz/reference.h"
#include "wire/coding.h"
#include "wire/frame.h"

namespace msgproc::fuzz {
namespace {

constexpr uint32_t kErrorTag = wire::Tag(4, wire::WireType::kLengthDelimited);

// Of an Error in two parts the last one counts: the one known difference.
bool HasErrorInParts(const wire::ResponseFrame& frame) {
  for (const wire::ResultView& result : frame.results) {
    int errors = 0;
    wire::FieldReader reader(result.body, 1);
    uint32_t tag = 0;
    while (!reader.Done() && reader.ReadTag(&tag)) {
      if (tag == kErrorTag) ++errors;
      if (!reader.Skip(tag)) break;
    }
    if (errors > 1) return true;
  }
  return false;
}

// Those that the generated classes read.
bool InsidesAreRight(const wire::ResponseFrame& frame) {
  for (const wire::ResultView& result : frame.results) {
    v1::Error error;
    if (!Reads(result.error, &error)) return false;
  }
  v1::Welcome welcome;
  v1::Drain drain;
  google::protobuf::Duration expires_in;
  return Reads(frame.welcome, &welcome) && Reads(frame.drain, &drain) &&
         Reads(frame.token_expires_in, &expires_in);
}

void CheckSame(const wire::ResultView& view, const v1::Result& result) {
  MSGPROC_CHECK_EQ(view.sequence, result.sequence());
  MSGPROC_CHECK_EQ(view.payload, result.payload());
  MSGPROC_CHECK_EQ(view.failed, result.has_error());
  CheckSameHeaders(view.headers(), result.headers());
  if (!view.failed) return;
  const client::Result seen = client::ToResult(view);
  const int code = result.error().code();
  MSGPROC_CHECK_EQ(static_cast<int>(seen.code),
                   code >= 1 && code <= 16
                       ? code
                       : static_cast<int>(absl::StatusCode::kUnknown));
  MSGPROC_CHECK_EQ(seen.error, result.error().message());
  MSGPROC_CHECK_EQ(seen.retryable, result.error().retryable());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Reused, as a stream does.
  static auto* const frame = new wire::ResponseFrame;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  v1::ProcessResponse response;
  const bool expected = Reads(bytes, &response);
  const bool read = frame->Parse(bytes);
  for (const wire::ResultView& view : frame->results) {
    if (read && view.failed) client::ToResult(view);
  }
  if (read && HasErrorInParts(*frame)) return 0;
  MSGPROC_CHECK_EQ(read && InsidesAreRight(*frame), expected);
  if (!expected) return 0;
  MSGPROC_CHECK_EQ(frame->has_welcome, response.has_welcome());
  MSGPROC_CHECK_EQ(frame->has_drain, response.has_drain());
  MSGPROC_CHECK_EQ(frame->has_token_expires_in,
                   response.has_token_expires_in());
  MSGPROC_CHECK_EQ(frame->results.size(),
                   static_cast<size_t>(response.results_size()));
  for (int i = 0; i < response.results_size(); ++i) {
    CheckSame(frame->results[static_cast<size_t>(i)], response.results(i));
  }
  return 0;
}

}  // namespace msgproc::fuzz
