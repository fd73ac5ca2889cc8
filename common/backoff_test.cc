#include "common/backoff.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

TEST(BackoffTest, DoublesUpToTheMost) {
  Backoff backoff(absl::Milliseconds(50), absl::Milliseconds(300));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(50));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(200));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(300));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(300));
}

TEST(BackoffTest, BeginsAgainAfterASuccess) {
  Backoff backoff(absl::Milliseconds(50), absl::Milliseconds(50));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(50));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(50));
  Backoff longer(absl::Milliseconds(50), absl::Seconds(1));
  longer.Next();
  longer.Next();
  longer.Reset();
  EXPECT_EQ(longer.Next(), absl::Milliseconds(50));
}

TEST(BackoffDeathTest, TakesBoundsInOrder) {
  EXPECT_DEATH(Backoff(absl::ZeroDuration(), absl::Seconds(1)), "must hold");
  EXPECT_DEATH(Backoff(absl::Seconds(2), absl::Seconds(1)), "must hold");
}

}  // namespace
}  // namespace msgproc
