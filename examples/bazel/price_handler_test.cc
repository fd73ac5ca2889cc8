#include "price_handler.h"

#include "gtest/gtest.h"

namespace shop {
namespace {

using msgproc::processor::HandlerContext;
using msgproc::processor::Message;
using msgproc::processor::Reply;

TEST(PriceHandlerTest, KnowsWhatItSellsAndNothingElse) {
  PriceHandler handler;
  Message message;
  Reply reply;
  message.payload = "pear";
  EXPECT_TRUE(handler.Handle(HandlerContext(), message, &reply).ok());
  EXPECT_EQ(reply.payload(), "40");
  message.payload = "plum";
  EXPECT_TRUE(
      absl::IsNotFound(handler.Handle(HandlerContext(), message, &reply)));
}

}  // namespace
}  // namespace shop
