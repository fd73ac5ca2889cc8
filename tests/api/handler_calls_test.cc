// How docs/handlers.md tests handlers: by calling them.
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/api/handlers.h"

namespace example {
namespace {

using msgproc::processor::Cancellation;
using msgproc::processor::SessionContext;

TEST(ReverseTest, AnswersThePayloadBackwards) {
  Reverse reverse;
  Message message;
  message.payload = "abc";
  Reply reply;
  EXPECT_EQ(reverse.Handle(HandlerContext(), message, &reply),
            absl::OkStatus());
  EXPECT_EQ(reply.payload(), "cba");
}

TEST(WhoAmITest, SaysWhomItKnowsTheSenderAs) {
  SessionContext session;
  session.client_name = "till 7";
  session.principal = {.source = msgproc::base::Principal::Source::kToken,
                       .name = "alice"};
  WhoAmI handler;
  Reply reply;
  const HandlerContext context({.session = &session,
                                .attempt = 2,
                                .idempotency_scope = "a-store/a-session"},
                               7);
  EXPECT_EQ(handler.Handle(context, Message(), &reply), absl::OkStatus());
  EXPECT_EQ(reply.payload(), "alice as till 7, try 2 of a-store/a-session/7");
}

// A client that has left for good.
class Gone final : public Cancellation {
 public:
  bool cancelled() const override { return true; }
};

TEST(SlowSumTest, StopsWhenNobodyWaits) {
  const Gone gone;
  SlowSum handler;
  Message message;
  message.payload = "18446744073709551615";  // It would take years.
  Reply reply;
  EXPECT_TRUE(absl::IsCancelled(handler.Handle(
      HandlerContext({.cancellation = &gone}), message, &reply)));
}

}  // namespace
}  // namespace example
