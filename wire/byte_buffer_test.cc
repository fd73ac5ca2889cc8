#include "wire/byte_buffer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "wire/entry.h"

namespace msgproc::wire {
namespace {

class ByteBufferTest : public testing::TestWithParam<size_t> {};

TEST_P(ByteBufferTest, AFrameArrivesAsItWasBuilt) {
  std::vector<Piece> pieces;
  std::string expected = "head";
  grpc::ByteBuffer buffer;
  {
    EntryLog log;
    for (uint64_t i = 1; i <= GetParam(); ++i) {
      AppendMessage(&log, i, std::string(3000, static_cast<char>(i)));
    }
    EntryLog::Cursor cursor = log.At(1);
    log.Take(&cursor, GetParam(), 1 << 30, &pieces);
    for (const Piece& piece : pieces) expected.append(piece.data, piece.size);
    ToByteBuffer("head", &pieces, &buffer);
  }
  EXPECT_TRUE(pieces.empty());
  FlatFrame frame;
  ASSERT_TRUE(frame.Assign(&buffer));
  EXPECT_EQ(frame.bytes(), expected);
  EXPECT_FALSE(buffer.Valid());
}

INSTANTIATE_TEST_SUITE_P(Sizes, ByteBufferTest,
                         testing::Values(0, 1, 10, 500, 5000));

TEST(ByteBufferTest, WhatIsCopiedIsLetGoOf) {
  int left = 2;
  std::string half = "half";
  const auto let_go = [](void* count) { --*static_cast<int*>(count); };
  grpc::ByteBuffer buffer;
  {
    const grpc::Slice halves[] = {
        grpc::Slice(half.data(), half.size(), let_go, &left),
        grpc::Slice(half.data(), half.size(), let_go, &left)};
    grpc::ByteBuffer(halves, 2).Swap(&buffer);
  }
  ASSERT_EQ(left, 2);
  FlatFrame frame;
  ASSERT_TRUE(frame.Assign(&buffer));
  EXPECT_EQ(left, 0);
  EXPECT_EQ(frame.bytes(), "halfhalf");
}

TEST(ByteBufferTest, AnEmptyFrameIsPossible) {
  std::vector<Piece> pieces;
  grpc::ByteBuffer buffer;
  ToByteBuffer("", &pieces, &buffer);
  EXPECT_EQ(buffer.Length(), 0U);
  EXPECT_TRUE(buffer.Valid());
  FlatFrame frame;
  ASSERT_TRUE(frame.Assign(&buffer));
  EXPECT_EQ(frame.bytes(), "");
}

}  // namespace
}  // namespace msgproc::wire
