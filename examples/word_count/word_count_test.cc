#include "examples/word_count/word_count.h"

#include "gtest/gtest.h"

namespace example {
namespace {

TEST(WordCountTest, CountsWords) {
  WordCount handler;
  msgproc::processor::Message message;
  msgproc::processor::Reply reply;
  message.payload = "to be  or\nnot";
  ASSERT_TRUE(handler.Handle(message, &reply).ok());
  EXPECT_EQ(reply.payload(), "4");
}

TEST(WordCountTest, RefusesAnEmptyMessage) {
  WordCount handler;
  msgproc::processor::Reply reply;
  EXPECT_TRUE(absl::IsInvalidArgument(
      handler.Handle(msgproc::processor::Message(), &reply)));
}

}  // namespace
}  // namespace example
