#include "client/may_reconnect.h"

#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

TEST(MayReconnectTest, WhatPassesByItselfIsTriedAgain) {
  EXPECT_TRUE(MayReconnect(absl::UnavailableError("gone")));
  EXPECT_TRUE(MayReconnect(absl::InternalError("gone")));
  EXPECT_TRUE(MayReconnect(absl::UnknownError("gone")));
  EXPECT_TRUE(MayReconnect(absl::CancelledError("gone")));
}

TEST(MayReconnectTest, WhatTheServerHasDecidedStands) {
  EXPECT_FALSE(MayReconnect(absl::InvalidArgumentError("a gap")));
  EXPECT_FALSE(MayReconnect(absl::NotFoundError("no handler")));
  EXPECT_FALSE(MayReconnect(absl::PermissionDeniedError("not yours")));
  EXPECT_FALSE(MayReconnect(absl::UnauthenticatedError("who are you")));
  EXPECT_FALSE(MayReconnect(absl::FailedPreconditionError("expired")));
  EXPECT_FALSE(MayReconnect(absl::DataLossError("the store lost it")));
  EXPECT_FALSE(MayReconnect(absl::AbortedError("taken over")));
  EXPECT_FALSE(MayReconnect(absl::ResourceExhaustedError("a window")));
}

// As gRPC 1.51 words it.
TEST(MayReconnectTest, AStreamThatTheTransportHasResetIsTriedAgain) {
  EXPECT_TRUE(MayReconnect(
      absl::ResourceExhaustedError("Received RST_STREAM with error code 11")));
  EXPECT_FALSE(MayReconnect(
      absl::PermissionDeniedError("Received RST_STREAM with error code 12")));
}

}  // namespace
}  // namespace msgproc::client
