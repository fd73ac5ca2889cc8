#include "services/processor/store/postgres_array.h"

#include <cstddef>

#include "common/check.h"

namespace msgproc::processor {
namespace {

template <typename Integer>
void AppendBigEndian(Integer value, std::string* out) {
  for (int shift = static_cast<int>(8 * sizeof(value)) - 8; shift >= 0;
       shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

void AppendHeader(size_t size, unsigned element_type, std::string* out) {
  AppendBigEndian<uint32_t>(size == 0 ? 0 : 1, out);  // Dimensions.
  AppendBigEndian<uint32_t>(0, out);                  // No NULLs.
  AppendBigEndian<uint32_t>(element_type, out);
  if (size == 0) return;
  AppendBigEndian(static_cast<uint32_t>(size), out);
  AppendBigEndian<uint32_t>(1, out);  // The first one's index.
}

}  // namespace

std::string EncodeInt8(uint64_t value) {
  std::string out;
  AppendBigEndian(value, &out);
  return out;
}

std::string EncodeInt8Array(absl::Span<const uint64_t> values) {
  std::string out;
  out.reserve(20 + 12 * values.size());
  AppendHeader(values.size(), kPgInt8, &out);
  for (const uint64_t value : values) {
    AppendBigEndian<uint32_t>(8, &out);
    AppendBigEndian(value, &out);
  }
  return out;
}

std::string EncodeBytesArray(absl::Span<const absl::string_view> values,
                             unsigned element_type) {
  size_t size = 20;
  for (const absl::string_view value : values) size += 4 + value.size();
  std::string out;
  out.reserve(size);
  AppendHeader(values.size(), element_type, &out);
  for (const absl::string_view value : values) {
    AppendBigEndian(static_cast<uint32_t>(value.size()), &out);
    out.append(value.data(), value.size());
  }
  return out;
}

int64_t DecodeInt8(absl::string_view bytes) {
  MSGPROC_CHECK_EQ(bytes.size(), 8u);
  uint64_t value = 0;
  for (const char byte : bytes) {
    value = value << 8 | static_cast<unsigned char>(byte);
  }
  return static_cast<int64_t>(value);
}

}  // namespace msgproc::processor
