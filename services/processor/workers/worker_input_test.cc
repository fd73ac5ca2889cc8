#include "services/processor/workers/worker_input.h"

#include <google/protobuf/util/delimited_message_util.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "msgproc/worker/v1/worker.pb.h"

namespace msgproc::processor {
namespace {

using worker::v1::WorkBatch;

std::string Delimited(const WorkBatch& batch) {
  std::ostringstream out;
  google::protobuf::util::SerializeDelimitedToOstream(batch, &out);
  return out.str();
}

std::string BatchOf(uint64_t id, const std::string& payload) {
  WorkBatch batch;
  batch.set_batch_id(id);
  batch.add_messages()->set_payload(payload);
  return Delimited(batch);
}

std::string Cancelled(const std::vector<uint64_t>& ids) {
  WorkBatch batch;
  for (const uint64_t id : ids) batch.add_cancelled_batch_ids(id);
  return Delimited(batch);
}

class WorkerInputTest : public ::testing::Test {
 protected:
  ~WorkerInputTest() override {
    for (const int socket : sockets_) close(socket);
  }

  void Say(const std::string& bytes) {
    EXPECT_EQ(write(sockets_[0], bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }
  // The next one, which must come.
  WorkBatch Next() {
    absl::string_view frame;
    while (!input_.Next(&frame)) {
      if (!input_.Fill()) {
        ADD_FAILURE() << "the end";
        break;
      }
    }
    WorkBatch batch;
    EXPECT_TRUE(
        batch.ParseFromArray(frame.data(), static_cast<int>(frame.size())));
    return batch;
  }

  static std::array<int, 2> Connect() {
    std::array<int, 2> sockets{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()), 0);
    return sockets;
  }

  const std::array<int, 2> sockets_ = Connect();
  WorkerInput input_{sockets_[1]};
};

TEST_F(WorkerInputTest, LearnsAheadWhatIsCancelledAndReadsAllInOrder) {
  Say(BatchOf(1, "one") + BatchOf(2, "two"));
  EXPECT_EQ(Next().batch_id(), 1u);
  const std::string rest = Cancelled({1, 3}) + BatchOf(3, "three");
  // The last frame is not all there yet.
  const std::string fourth = BatchOf(4, "four");
  Say(rest + fourth.substr(0, 5));
  EXPECT_FALSE(input_.cancelled(1));
  input_.LookAhead();
  EXPECT_TRUE(input_.cancelled(1));
  EXPECT_FALSE(input_.cancelled(2));
  EXPECT_TRUE(input_.cancelled(3));
  input_.Forget(1);
  EXPECT_FALSE(input_.cancelled(1));
  EXPECT_EQ(Next().messages(0).payload(), "two");
  EXPECT_EQ(Next().cancelled_batch_ids_size(), 2);
  EXPECT_EQ(Next().messages(0).payload(), "three");
  EXPECT_TRUE(input_.cancelled(3));
  Say(fourth.substr(5));
  EXPECT_EQ(Next().messages(0).payload(), "four");
}

TEST_F(WorkerInputTest, KeepsTheFrameAtHandWhileItLooksAhead) {
  const std::string bytes = BatchOf(1, std::string(1000, 'a'));
  Say(bytes + BatchOf(2, "two"));
  ASSERT_TRUE(input_.Fill());
  absl::string_view frame;
  ASSERT_TRUE(input_.Next(&frame));
  const std::string before(frame);
  Say(Cancelled({2}));
  input_.LookAhead();
  EXPECT_TRUE(frame == before);
  EXPECT_TRUE(input_.cancelled(2));
  EXPECT_EQ(Next().batch_id(), 2u);
}

TEST_F(WorkerInputTest, WhatIsAnsweredCannotBeCancelled) {
  WorkBatch batch;
  input_.Forget(5);
  batch.add_cancelled_batch_ids(5);
  batch.add_cancelled_batch_ids(6);
  input_.TakeCancelled(batch.SerializeAsString());
  EXPECT_FALSE(input_.cancelled(5));
  EXPECT_TRUE(input_.cancelled(6));
  // Garbage is for others to find.
  input_.TakeCancelled("\xff\xff\xff");
}

TEST_F(WorkerInputTest, EndsWithTheProcessor) {
  Say(BatchOf(1, "one"));
  shutdown(sockets_[0], SHUT_WR);
  EXPECT_EQ(Next().batch_id(), 1u);
  input_.LookAhead();
  absl::string_view frame;
  EXPECT_FALSE(input_.Next(&frame));
  EXPECT_FALSE(input_.Fill());
}

}  // namespace
}  // namespace msgproc::processor
