#include "services/base/log_writer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

constexpr int kLines = 20000;

std::string Notice(uint64_t dropped) {
  return absl::StrCat("dropped ", dropped, "\n");
}

// Both ends of something that holds a little and is read by nobody.
struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends Pipe() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// As journald gives a service.
Ends StreamSocket() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

LogWriter::Options To(int fd) {
  return {.fd = fd, .max_lines = 100, .max_bytes = 1 << 20, .notice = Notice};
}

void WriteNumbers(int count, LogWriter* writer) {
  for (int i = 0; i < count; ++i) writer->Write(absl::StrCat(i, "\n"));
}

constexpr char kEnd[] = "end\n";

// Reads until kEnd is there, then checks that numbers rise, that each gap has
// a notice in its place, and that the notice tells its size.
void ExpectOrderWithGapsSaid(int fd, int lines) {
  std::string text;
  char bytes[4096];
  while (!absl::EndsWith(text, kEnd)) {
    const ssize_t size = read(fd, bytes, sizeof(bytes));
    ASSERT_GT(size, 0);
    text.append(bytes, static_cast<size_t>(size));
  }
  text.resize(text.size() - std::strlen(kEnd));
  uint64_t expected = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const bool notice = absl::ConsumePrefix(&line, "dropped ");
    uint64_t number = 0;
    ASSERT_TRUE(absl::SimpleAtoi(line, &number)) << line;
    if (notice) {
      expected += number;
    } else {
      ASSERT_EQ(number, expected++);
    }
  }
  EXPECT_EQ(expected, static_cast<uint64_t>(lines));
}

class LogWriterTest : public ::testing::Test {
 protected:
  LogWriterTest() { std::signal(SIGPIPE, SIG_IGN); }
};

TEST_F(LogWriterTest, NobodyWaitsForAReaderThatDoesNotReadAndTheGapIsSaid) {
  for (const bool socket : {false, true}) {
    const Ends ends = socket ? StreamSocket() : Pipe();
    LogWriter writer(To(ends.write.get()));
    // Until what is written does not fit, nor what waits.
    int written = 0;
    while (writer.dropped() == 0 || writer.Flush(absl::Milliseconds(50))) {
      writer.Write(absl::StrCat(written++, "\n"));
    }
    std::thread reader(
        [&] { ExpectOrderWithGapsSaid(ends.read.get(), written); });
    EXPECT_TRUE(writer.Flush(absl::Seconds(20)));
    writer.Write(kEnd);
    reader.join();
    EXPECT_GT(writer.dropped(), 0u);
  }
}

TEST_F(LogWriterTest, WithAReaderEveryLineArrivesInItsOrder) {
  const Ends ends = Pipe();
  LogWriter::Options options = To(ends.write.get());
  options.max_lines = 2 * kLines;
  LogWriter writer(options);
  std::thread reader([&] { ExpectOrderWithGapsSaid(ends.read.get(), kLines); });
  WriteNumbers(kLines, &writer);
  writer.Write(kEnd);
  reader.join();
  EXPECT_EQ(writer.dropped(), 0u);
}

TEST_F(LogWriterTest, ANonBlockingPipeLosesNothing) {
  const Ends ends = Pipe();
  ASSERT_EQ(fcntl(ends.write.get(), F_SETFL, O_NONBLOCK), 0);
  LogWriter::Options options = To(ends.write.get());
  options.max_lines = 2 * kLines;
  LogWriter writer(options);
  WriteNumbers(kLines, &writer);
  writer.Write(kEnd);
  ExpectOrderWithGapsSaid(ends.read.get(), kLines);
  EXPECT_EQ(writer.dropped(), 0u);
}

TEST_F(LogWriterTest, BytesAreBoundedToo) {
  const Ends ends = Pipe();
  LogWriter::Options options = To(ends.write.get());
  options.max_bytes = 10;
  LogWriter writer(options);
  writer.Write("longer than that\n");
  EXPECT_TRUE(writer.Flush(absl::Seconds(20)));
  writer.Write("short\n");
  EXPECT_TRUE(writer.Flush(absl::Seconds(20)));
  char bytes[64];
  const ssize_t size = read(ends.read.get(), bytes, sizeof(bytes));
  EXPECT_EQ(std::string(bytes, static_cast<size_t>(size)),
            "dropped 1\nshort\n");
  EXPECT_EQ(writer.dropped(), 1u);
}

TEST_F(LogWriterTest, WhatAFullDiskDidNotTakeIsSaidWhenItHasRoomAgain) {
  const UniqueFd log(open("/dev/full", O_WRONLY | O_CLOEXEC));
  LogWriter writer(To(log.get()));
  WriteNumbers(3, &writer);
  EXPECT_TRUE(writer.Flush(absl::Seconds(20)));
  EXPECT_EQ(writer.dropped(), 3u);

  const Ends ends = Pipe();
  ASSERT_EQ(dup3(ends.write.get(), log.get(), O_CLOEXEC), log.get());
  writer.Write("room\n");
  EXPECT_TRUE(writer.Flush(absl::Seconds(20)));
  char bytes[64];
  const ssize_t size = read(ends.read.get(), bytes, sizeof(bytes));
  EXPECT_EQ(std::string(bytes, static_cast<size_t>(size)), "dropped 3\nroom\n");
}

TEST_F(LogWriterTest, LinesForAClosedReaderAreCounted) {
  for (const bool socket : {false, true}) {
    Ends ends = socket ? StreamSocket() : Pipe();
    ends.read.Reset();
    LogWriter writer(To(ends.write.get()));
    WriteNumbers(50, &writer);
    EXPECT_TRUE(writer.Flush(absl::Seconds(20)));
    EXPECT_EQ(writer.dropped(), 50u);
  }
}

TEST_F(LogWriterTest, AWriterWhoseThreadIsStuckCanBeDestroyed) {
  const Ends ends = Pipe();
  {
    LogWriter writer(To(ends.write.get()));
    WriteNumbers(kLines, &writer);
  }
  // What was queued is written all the same, once somebody reads.
  char first = 0;
  EXPECT_EQ(read(ends.read.get(), &first, 1), 1);
  EXPECT_EQ(first, '0');
}

}  // namespace
}  // namespace msgproc::base
