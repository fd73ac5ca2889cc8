#include "tools/loadgen/stream/ordered_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

class OrderedOutputTest : public testing::Test {
 protected:
  OrderedOutputTest()
      : path_(testing::TempDir() + "/results"),
        descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                         0600)) {}
  ~OrderedOutputTest() override { close(descriptor_); }

  std::string Written() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  const std::string path_;
  const int descriptor_;
};

TEST_F(OrderedOutputTest, ResultsOfStreamsTakeTurns) {
  OrderedOutput output(descriptor_, 2);
  output.Put(1, "second");
  output.Put(1, "fourth");
  output.Put(0, "first");
  output.Put(0, "third");
  EXPECT_TRUE(output.Finish().ok());
  EXPECT_EQ(Written(), "first\nsecond\nthird\nfourth\n");
}

TEST_F(OrderedOutputTest, AMessageWithoutResultLeavesAnEmptyLine) {
  OrderedOutput output(descriptor_, 2);
  output.Put(1, "second");
  EXPECT_TRUE(output.Finish().ok());
  EXPECT_EQ(Written(), "\nsecond\n");
}

TEST_F(OrderedOutputTest, ManyStreamsOnManyThreadsStayInOrder) {
  constexpr int kStreams = 4;
  constexpr int kEach = 5'000;
  OrderedOutput output(descriptor_, kStreams);
  std::vector<std::thread> threads;
  for (int stream = 0; stream < kStreams; ++stream) {
    threads.emplace_back([&output, stream] {
      for (int i = 0; i < kEach; ++i) {
        output.Put(stream, absl::StrCat(i * kStreams + stream));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(output.Finish().ok());
  std::istringstream written(Written());
  for (int i = 0; i < kStreams * kEach; ++i) {
    std::string line;
    ASSERT_TRUE(std::getline(written, line));
    ASSERT_EQ(line, absl::StrCat(i));
  }
}

TEST(SlowOutputTest, TheSenderWaitsForASlowReaderOfTheOutput) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  OrderedOutput output(ends[1], 1);
  // More than a pipe holds, so something is left over.
  output.Put(0, std::string(OrderedOutput::kRoomBytes * 2, 'x'));
  std::atomic<bool> has_room = false;
  std::thread sender([&] {
    EXPECT_TRUE(output.WaitForRoom().ok());
    has_room = true;
  });
  EXPECT_FALSE(has_room);
  std::string buffer(1 << 20, '\0');
  size_t count = 0;
  while (count < OrderedOutput::kRoomBytes * 2 + 1) {
    count += static_cast<size_t>(read(ends[0], buffer.data(), buffer.size()));
  }
  sender.join();
  EXPECT_TRUE(output.Finish().ok());
  close(ends[0]);
  close(ends[1]);
}

TEST(SlowOutputTest, AnOutputThatWentAwayIsAnErrorAndNoHang) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  OrderedOutput output(ends[1], 1);
  output.Put(0, "lost");
  EXPECT_FALSE(output.Finish().ok());
  EXPECT_FALSE(output.WaitForRoom().ok());
  close(ends[1]);
}

}  // namespace
}  // namespace msgproc::loadgen
