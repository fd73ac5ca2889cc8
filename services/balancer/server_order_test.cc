#include "services/balancer/server_order.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

using testing::HasSubstr;

ServerStatus Registered() {
  ServerStatus server;
  server.report.server_id = "one";
  server.report.takes_orders = true;
  server.generation = 7;
  return server;
}

TEST(ServerOrderTest, ARegisteredServerTakesOrders) {
  EXPECT_TRUE(TakesOrders(Registered()).ok());
}

TEST(ServerOrderTest, OneThatHasGoneOrNeverRegistersDoesNot) {
  ServerStatus server = Registered();
  server.generation = 0;
  const absl::Status status = TakesOrders(server);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("one is not registered here"));
}

TEST(ServerOrderTest, OneOfAnOlderReleaseDoesNot) {
  ServerStatus server = Registered();
  server.report.takes_orders = false;
  const absl::Status status = TakesOrders(server);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("one is of an older release"));
}

TEST(ServerOrderTest, AnOrderAsksForSomethingThatCanBeDone) {
  EXPECT_TRUE(Validate(ServerOrder{.cordoned = false}).ok());
  EXPECT_TRUE(Validate(ServerOrder{.cordoned = true}).ok());
  EXPECT_TRUE(Validate(ServerOrder{.drain = true}).ok());
  EXPECT_TRUE(
      Validate(ServerOrder{.drain = true, .drain_to = "10.0.0.8:50051"}).ok());
}

TEST(ServerOrderTest, AnyOtherIsRefused) {
  EXPECT_THAT(Validate(ServerOrder{}).message(), HasSubstr("asks for nothing"));
  EXPECT_THAT(Validate(ServerOrder{.cordoned = true, .drain_to = "10.0.0.8:1"})
                  .message(),
              HasSubstr("only for a drain"));
  EXPECT_THAT(
      Validate(ServerOrder{.drain = true, .drain_to = "10.0.0.8"}).message(),
      HasSubstr("give host:port"));
}

}  // namespace
}  // namespace msgproc::balancer
