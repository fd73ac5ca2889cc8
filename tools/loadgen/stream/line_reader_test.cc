#include "tools/loadgen/stream/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_), 0); }
  ~Pipe() {
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
  int reader() const { return ends_[0]; }

 private:
  int ends_[2];
};

std::vector<std::string> Lines(const std::string& text) {
  Pipe pipe;
  pipe.Write(text);
  pipe.CloseWriter();
  LineReader reader(pipe.reader(), -1, 100);
  std::vector<std::string> lines;
  absl::string_view line;
  while (reader.Next(&line).value()) lines.emplace_back(line);
  return lines;
}

TEST(LineReaderTest, ALineIsWhatStandsBeforeANewline) {
  EXPECT_THAT(Lines("a\nbc\n\nd\n"), ElementsAre("a", "bc", "", "d"));
}

TEST(LineReaderTest, TheLastLineNeedsNoNewline) {
  EXPECT_THAT(Lines("a\nb"), ElementsAre("a", "b"));
}

TEST(LineReaderTest, AnEmptyInputHasNoLines) {
  EXPECT_THAT(Lines(""), ElementsAre());
}

TEST(LineReaderTest, OtherBytesAreKept) {
  EXPECT_THAT(Lines(std::string("a\r\n\0\xff\n", 6)),
              ElementsAre("a\r", std::string("\0\xff", 2)));
}

TEST(LineReaderTest, LinesMayLieAcrossBlocks) {
  Pipe pipe;
  constexpr int kLines = 50'000;
  std::thread writer([&pipe] {
    for (int i = 0; i < kLines; ++i) {
      pipe.Write(std::string(static_cast<size_t>(i % 97), 'x') + "\n");
    }
    pipe.CloseWriter();
  });
  LineReader reader(pipe.reader(), -1, 100);
  absl::string_view line;
  int lines = 0;
  while (reader.Next(&line).value()) {
    ASSERT_EQ(line.size(), static_cast<size_t>(lines % 97));
    ++lines;
  }
  EXPECT_EQ(lines, kLines);
  writer.join();
}

TEST(LineReaderTest, ALineThatIsTooLongIsNamed) {
  for (const char* end : {"", "\n", "\nmore"}) {
    Pipe pipe;
    pipe.Write("ok\n" + std::string(101, 'x') + end);
    pipe.CloseWriter();
    LineReader reader(pipe.reader(), -1, 100);
    absl::string_view line;
    EXPECT_TRUE(reader.Next(&line).value());
    const auto next = reader.Next(&line);
    EXPECT_THAT(std::string(next.status().message()),
                HasSubstr("line 2 of the input is longer than 100 bytes"));
  }
}

TEST(LineReaderTest, StopEndsTheWaitForInput) {
  Pipe input;
  Pipe stop;
  LineReader reader(input.reader(), stop.reader(), 100);
  absl::string_view line;
  input.Write("first\nsec");
  EXPECT_TRUE(reader.Next(&line).value());
  EXPECT_EQ(line, "first");
  std::thread stopper([&stop] { stop.Write("x"); });
  EXPECT_FALSE(reader.Next(&line).value());
  stopper.join();
}

TEST(LineReaderTest, AFolderIsAnError) {
  const int folder = open("/", O_RDONLY | O_CLOEXEC);
  LineReader reader(folder, -1, 100);
  absl::string_view line;
  EXPECT_FALSE(reader.Next(&line).ok());
  close(folder);
}

}  // namespace
}  // namespace msgproc::loadgen
