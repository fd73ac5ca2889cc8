#include "common/read_buffer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "gtest/gtest.h"

namespace msgproc {
namespace {

class ReadBufferTest : public testing::Test {
 protected:
  ReadBufferTest() { EXPECT_EQ(pipe2(ends_, O_NONBLOCK | O_CLOEXEC), 0); }
  ~ReadBufferTest() override {
    CloseWriter();
    close(ends_[0]);
  }

  void Write(const std::string& text) {
    EXPECT_EQ(write(ends_[1], text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  void CloseWriter() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  ssize_t Read() { return buffer_.ReadFrom(ends_[0]); }

  int ends_[2];
  ReadBuffer buffer_{4, 8};
};

TEST_F(ReadBufferTest, BeginsEmptyAndWithoutMemory) {
  EXPECT_EQ(buffer_.data(), "");
  EXPECT_EQ(buffer_.capacity(), 0U);
  buffer_.Clear();
}

TEST_F(ReadBufferTest, ReturnsWhatReadDoes) {
  EXPECT_EQ(Read(), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(buffer_.data(), "");
  Write("ab");
  EXPECT_EQ(Read(), 2);
  EXPECT_EQ(buffer_.data(), "ab");
  CloseWriter();
  EXPECT_EQ(Read(), 0);
  EXPECT_EQ(buffer_.data(), "ab");
}

TEST_F(ReadBufferTest, WhatWasConsumedMakesRoom) {
  Write("abcdefgh");
  EXPECT_EQ(Read(), 4);
  buffer_.Consume(2);
  EXPECT_EQ(buffer_.data(), "cd");
  buffer_.Consume(1);
  EXPECT_EQ(Read(), 3);
  EXPECT_EQ(buffer_.data(), "defg");
  EXPECT_EQ(buffer_.capacity(), 4U);
  buffer_.Consume(4);
  EXPECT_EQ(Read(), 1);
  EXPECT_EQ(buffer_.data(), "h");
}

TEST_F(ReadBufferTest, GrowsWhileNothingIsConsumed) {
  Write("abcdefghijklmnopq");
  EXPECT_EQ(Read(), 4);
  EXPECT_EQ(Read(), 4);
  EXPECT_EQ(buffer_.capacity(), 8U);
  EXPECT_EQ(Read(), 8);
  EXPECT_EQ(Read(), 1);
  EXPECT_EQ(buffer_.data(), "abcdefghijklmnopq");
  EXPECT_EQ(buffer_.capacity(), 32U);
}

TEST_F(ReadBufferTest, WhatHasGrownTooLargeIsReleasedOnceAllIsConsumed) {
  Write("abcdefghi");
  while (Read() > 0) {
  }
  EXPECT_EQ(buffer_.capacity(), 16U);
  buffer_.Consume(8);
  EXPECT_EQ(buffer_.data(), "i");
  EXPECT_EQ(buffer_.capacity(), 16U);
  buffer_.Consume(1);
  EXPECT_EQ(buffer_.capacity(), 0U);
  Write("j");
  EXPECT_EQ(Read(), 1);
  EXPECT_EQ(buffer_.data(), "j");
  EXPECT_EQ(buffer_.capacity(), 4U);
}

TEST_F(ReadBufferTest, WhatHasNotGrownTooLargeIsKept) {
  Write("abcde");
  EXPECT_EQ(Read(), 4);
  EXPECT_EQ(Read(), 1);
  buffer_.Clear();
  EXPECT_EQ(buffer_.data(), "");
  EXPECT_EQ(buffer_.capacity(), 8U);
}

}  // namespace
}  // namespace msgproc
