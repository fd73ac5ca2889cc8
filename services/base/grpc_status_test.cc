#include "services/base/grpc_status.h"

#include <string>

#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

TEST(GrpcStatusTest, KeepsTheCodeAndTheMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("no such é"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such é");
}

TEST(GrpcStatusTest, AMessageFitsIntoTrailersWhateverIsInIt) {
  const grpc::Status status =
      ToGrpcStatus(absl::InvalidArgumentError(std::string(3 << 20, '\xff')));
  EXPECT_EQ(status.error_message(), std::string(kMostStatusBytes, '?'));
}

}  // namespace
}  // namespace msgproc::base
