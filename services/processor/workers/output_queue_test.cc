#include "services/processor/workers/output_queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "services/base/unique_fd.h"
#include "services/processor/workers/worker_codec.h"

namespace msgproc::processor {
namespace {

using Written = OutputQueue::Written;

class OutputQueueTest : public ::testing::Test {
 protected:
  OutputQueueTest() {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    from_.Reset(ends[0]);
    to_.Reset(ends[1]);
  }

  static OutFrame Frame(std::string head, uint64_t messages = 1) {
    return {.head = std::move(head), .pieces = {}, .messages = messages};
  }
  // What has been written and not been read yet.
  std::string Read() {
    std::string bytes(1 << 20, ' ');
    const ssize_t size = read(from_.get(), bytes.data(), bytes.size());
    bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return bytes;
  }

  OutputQueue queue_;
  base::UniqueFd from_;
  base::UniqueFd to_;
};

TEST_F(OutputQueueTest, WritesHeadsAndPiecesInOrder) {
  const std::string payload = "payload";
  OutFrame frame = Frame("head ");
  frame.pieces.push_back({.data = payload.data(), .size = payload.size()});
  frame.pieces.push_back({.data = payload.data(), .size = 3});
  queue_.Push(std::move(frame));
  queue_.Push(Frame(" next"));
  EXPECT_EQ(queue_.WriteTo(to_.get()), Written::kAll);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(Read(), "head payloadpay next");
}

TEST_F(OutputQueueTest, GoesOnWhereTheDescriptorTookNoMore) {
  const std::string large(100'000, 'x');
  queue_.Push(Frame(large + "1"));
  queue_.Push(Frame(large + "2"));
  std::string all;
  while (queue_.WriteTo(to_.get()) == Written::kBlocked) all += Read();
  all += Read();
  EXPECT_EQ(all, large + "1" + large + "2");
}

TEST_F(OutputQueueTest, WhatIsWrittenInPartIsWritten) {
  queue_.Push(Frame("small", 2));
  queue_.Push(Frame(std::string(100'000, 'x'), 3));
  queue_.Push(Frame("behind", 4));
  EXPECT_EQ(queue_.unwritten_messages(), 9U);
  EXPECT_EQ(queue_.WriteTo(to_.get()), Written::kBlocked);
  EXPECT_EQ(queue_.unwritten_messages(), 4U);
  Read();
  EXPECT_EQ(queue_.WriteTo(to_.get()), Written::kAll);
  EXPECT_EQ(queue_.unwritten_messages(), 0U);
}

TEST_F(OutputQueueTest, WhatADeadReaderDidNotGetStaysUnwritten) {
  queue_.Push(Frame("read", 2));
  EXPECT_EQ(queue_.WriteTo(to_.get()), Written::kAll);
  from_.Reset();
  queue_.Push(Frame("dropped", 3));
  EXPECT_EQ(queue_.WriteTo(to_.get()), Written::kBroken);
  EXPECT_TRUE(queue_.empty());
  queue_.Push(Frame("dropped too", 4));
  EXPECT_EQ(queue_.WriteTo(to_.get()), Written::kBroken);
  EXPECT_EQ(queue_.unwritten_messages(), 7U);
}

TEST_F(OutputQueueTest, TakesAnotherOnesFramesWithTheirMessages) {
  OutputQueue pushed;
  pushed.Push(Frame("a", 2));
  queue_.Append(&pushed);
  EXPECT_TRUE(pushed.empty());
  EXPECT_EQ(pushed.unwritten_messages(), 0U);
  pushed.Push(Frame("b", 3));
  queue_.Append(&pushed);
  EXPECT_EQ(queue_.unwritten_messages(), 5U);
  EXPECT_EQ(queue_.WriteTo(to_.get()), Written::kAll);
  EXPECT_EQ(Read(), "ab");
}

}  // namespace
}  // namespace msgproc::processor
