#include "client/result_decoding.h"

#include <cstdint>

#include "wire/coding.h"

namespace msgproc::client {
namespace {

constexpr uint32_t kCodeTag = wire::Tag(1, wire::WireType::kVarint);
constexpr uint32_t kMessageTag = wire::Tag(2, wire::WireType::kLengthDelimited);
constexpr uint32_t kRetryableTag = wire::Tag(3, wire::WireType::kVarint);

}  // namespace

void DecodeError(absl::string_view encoded, Result* result) {
  uint64_t code = 0;
  uint64_t retryable = 0;
  wire::FieldReader reader(encoded);
  while (!reader.Done()) {
    uint32_t tag;
    if (!reader.ReadTag(&tag)) break;
    const bool ok = tag == kCodeTag        ? reader.ReadVarint(&code)
                    : tag == kMessageTag   ? reader.ReadBytes(&result->error)
                    : tag == kRetryableTag ? reader.ReadVarint(&retryable)
                                           : reader.Skip(tag);
    if (!ok) break;
  }
  // An Error is never OK.
  result->code = code >= 1 && code <= 16 ? static_cast<absl::StatusCode>(code)
                                         : absl::StatusCode::kUnknown;
  result->retryable = retryable != 0;
}

}  // namespace msgproc::client
