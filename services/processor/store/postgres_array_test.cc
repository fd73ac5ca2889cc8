#include "services/processor/store/postgres_array.h"

#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

std::string Hex(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}

TEST(PostgresArrayTest, IntegersAreBigEndian) {
  EXPECT_EQ(Hex(EncodeInt8(0x0102030405060708)), "0102030405060708");
  EXPECT_EQ(DecodeInt8(EncodeInt8(0x0102030405060708)), 0x0102030405060708);
  EXPECT_EQ(DecodeInt8(EncodeInt8(UINT64_MAX)), -1);
}

// As psql prints: \copy (SELECT array[1, -1]::int8[]) TO … (FORMAT binary)
TEST(PostgresArrayTest, AnArrayHasAHeader) {
  EXPECT_EQ(Hex(EncodeInt8Array({1, UINT64_MAX})),
            "00000001"
            "00000000"
            "00000014"
            "00000002"
            "00000001"
            "00000008"
            "0000000000000001"
            "00000008"
            "ffffffffffffffff");
  EXPECT_EQ(Hex(EncodeInt8Array({})),
            "00000000"
            "00000000"
            "00000014");
}

TEST(PostgresArrayTest, BytesHaveTheirLength) {
  EXPECT_EQ(Hex(EncodeBytesArray({"a", ""}, kPgBytea)),
            "00000001"
            "00000000"
            "00000011"
            "00000002"
            "00000001"
            "00000001"
            "61"
            "00000000");
}

}  // namespace
}  // namespace msgproc::processor
