#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_ARRAY_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_ARRAY_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace msgproc::processor {

// PostgreSQL's types, by the numbers that its catalog has given them for good.
inline constexpr unsigned kPgBool = 16;
inline constexpr unsigned kPgBytea = 17;
inline constexpr unsigned kPgInt8 = 20;
inline constexpr unsigned kPgInt2 = 21;
inline constexpr unsigned kPgInt4 = 23;
inline constexpr unsigned kPgText = 25;
inline constexpr unsigned kPgOid = 26;
inline constexpr unsigned kPgFloat4 = 700;
inline constexpr unsigned kPgFloat8 = 701;
inline constexpr unsigned kPgByteaArray = 1001;
inline constexpr unsigned kPgTextArray = 1009;
inline constexpr unsigned kPgInt8Array = 1016;

// Values as PostgreSQL sends and takes them in binary (the functions int8send
// and array_recv of its sources): big-endian, an array with a header. Pure.
std::string EncodeInt8(uint64_t value);
std::string EncodeInt8Array(absl::Span<const uint64_t> values);
// Of bytea or text, as `element_type` says.
std::string EncodeBytesArray(absl::Span<const absl::string_view> values,
                             unsigned element_type);

// Of 8 bytes.
int64_t DecodeInt8(absl::string_view bytes);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_ARRAY_H_
