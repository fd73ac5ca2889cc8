#include "examples/word_count/word_count.h"

#include <string>

#include "gtest/gtest.h"

namespace example {
namespace {

using msgproc::base::Principal;
using msgproc::processor::HandlerContext;
using msgproc::processor::Message;
using msgproc::processor::Reply;
using msgproc::processor::SessionContext;

// The total that the client is told.
std::string TotalFor(WordCount* handler, const SessionContext& session) {
  Message message;
  message.payload = "to be  or\nnot";
  Reply reply;
  EXPECT_TRUE(
      handler->Handle(HandlerContext({.session = &session}), message, &reply)
          .ok());
  EXPECT_EQ(reply.payload(), "4");
  return reply.headers().at(0).second;
}

TEST(WordCountTest, CountsWordsAndTotalsByClient) {
  WordCount handler;
  const SessionContext first{.session_id = "first"};
  const SessionContext second{.session_id = "second"};
  EXPECT_EQ(TotalFor(&handler, first), "4");
  EXPECT_EQ(TotalFor(&handler, first), "8");
  EXPECT_EQ(TotalFor(&handler, second), "4");
}

TEST(WordCountTest, APrincipalHasOneTotalForAllOfItsSessions) {
  WordCount handler;
  const Principal alice{.source = Principal::Source::kToken, .name = "alice"};
  const SessionContext first{.session_id = "first", .principal = alice};
  const SessionContext second{.session_id = "second", .principal = alice};
  const SessionContext named_so{.session_id = "alice"};
  EXPECT_EQ(TotalFor(&handler, first), "4");
  EXPECT_EQ(TotalFor(&handler, second), "8");
  EXPECT_EQ(TotalFor(&handler, named_so), "4");
}

TEST(WordCountTest, RefusesAnEmptyMessage) {
  WordCount handler;
  Reply reply;
  EXPECT_TRUE(absl::IsInvalidArgument(
      handler.Handle(HandlerContext(), Message(), &reply)));
}

}  // namespace
}  // namespace example
