#include "common/read_to_end.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace msgproc {
namespace {

std::string WriteFile(const std::string& text) {
  std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/file-XXXXXX";
  const int fd = mkstemp(path.data());
  EXPECT_EQ(write(fd, text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  close(fd);
  return path;
}

TEST(ReadToEndTest, ReadsAllBlocksOfAFileWithAllItsBytes) {
  std::string text(100'000, 'x');
  text[50'000] = '\0';
  text.back() = '\n';
  EXPECT_EQ(ReadWholeFile(WriteFile(text)), text);
}

TEST(ReadToEndTest, WhatCannotBeReadIsEmpty) {
  EXPECT_EQ(ReadWholeFile("/nowhere/at/all"), "");
  EXPECT_EQ(ReadWholeFile("/proc"), "");
}

TEST(ReadToEndTest, AppendsWhatAPipeGivesUntilItsWriterIsGone) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  // More than a pipe holds.
  const std::string sent(300'000, 'y');
  std::thread writer([&] {
    size_t written = 0;
    while (written < sent.size()) {
      const ssize_t size =
          write(ends[1], sent.data() + written, sent.size() - written);
      ASSERT_GT(size, 0);
      written += static_cast<size_t>(size);
    }
    close(ends[1]);
  });
  std::string text = "before ";
  EXPECT_EQ(ReadToEnd(ends[0], &text), 0);
  writer.join();
  close(ends[0]);
  EXPECT_EQ(text, "before " + sent);
}

TEST(ReadToEndTest, StopsSoonAfterItsLimit) {
  const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  std::string text;
  EXPECT_EQ(ReadToEnd(fd, &text, 100'000), 0);
  EXPECT_GT(text.size(), 100'000u);
  EXPECT_LT(text.size(), 200'000u);
  close(fd);
}

TEST(ReadToEndTest, SaysWhyItCouldNot) {
  const int folder = open("/", O_RDONLY | O_CLOEXEC);
  std::string text;
  EXPECT_EQ(ReadToEnd(folder, &text), EISDIR);
  close(folder);
}

}  // namespace
}  // namespace msgproc
