#include "client/reconnect_policy.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

constexpr uint64_t kMost = UINT64_MAX;  // The longest backoff there may be.

class ReconnectPolicyTest : public testing::Test {
 protected:
  // How long the next attempt waits after a failure.
  absl::Duration Fail(uint64_t random = kMost) {
    return policy_.OnFailed(now_, random).when - now_;
  }
  static void ExpectAbout(absl::Duration got, absl::Duration wanted) {
    EXPECT_LE(got, wanted);
    EXPECT_GT(got, wanted * 0.999);
  }

  absl::Time now_ = absl::UnixEpoch();
  ReconnectPolicy policy_{{.initial_backoff = absl::Milliseconds(100),
                           .max_backoff = absl::Seconds(1),
                           .give_up_after = absl::Minutes(1)},
                          now_};
};

TEST_F(ReconnectPolicyTest, BackoffDoublesUpToItsMaximum) {
  ExpectAbout(Fail(), absl::Milliseconds(100));
  ExpectAbout(Fail(), absl::Milliseconds(200));
  ExpectAbout(Fail(), absl::Milliseconds(400));
  ExpectAbout(Fail(), absl::Milliseconds(800));
  for (int i = 0; i < 100; ++i) ExpectAbout(Fail(), absl::Seconds(1));
}

TEST_F(ReconnectPolicyTest, JitterIsFull) {
  EXPECT_EQ(Fail(0), absl::ZeroDuration());
  ExpectAbout(Fail(kMost / 2), absl::Milliseconds(100));
}

TEST_F(ReconnectPolicyTest, AfterABreakTheSameAddressOnceAtOnce) {
  policy_.OnConnected(now_);
  policy_.OnResult();
  ReconnectPolicy::Attempt attempt = policy_.OnFailed(now_, kMost);
  EXPECT_TRUE(attempt.same_address);
  EXPECT_EQ(attempt.when, now_);
  attempt = policy_.OnFailed(now_, kMost);
  EXPECT_FALSE(attempt.same_address);
  ExpectAbout(attempt.when - now_, absl::Milliseconds(100));
}

TEST_F(ReconnectPolicyTest, AConnectionThatWasOfUseBeginsTheBackoffAnew) {
  Fail();
  ExpectAbout(Fail(), absl::Milliseconds(200));
  policy_.OnConnected(now_);
  policy_.OnResult();
  policy_.OnFailed(now_, kMost);
  ExpectAbout(Fail(), absl::Milliseconds(100));
}

TEST_F(ReconnectPolicyTest, AServerThatWelcomesAndFailsIsAskedEverLessOften) {
  for (const int wait : {100, 200, 400}) {
    policy_.OnConnected(now_);
    const ReconnectPolicy::Attempt attempt = policy_.OnFailed(now_, kMost);
    EXPECT_FALSE(attempt.same_address);
    ExpectAbout(attempt.when - now_, absl::Milliseconds(wait));
  }
}

TEST_F(ReconnectPolicyTest, AnIdleConnectionThatLastedIsOfUse) {
  policy_.OnConnected(now_);
  now_ += absl::Seconds(1);
  EXPECT_TRUE(policy_.OnFailed(now_, kMost).same_address);
}

TEST_F(ReconnectPolicyTest, MovesAtOnceButNotToTheSameAddress) {
  policy_.OnConnected(now_);
  policy_.OnResult();
  const ReconnectPolicy::Attempt attempt = policy_.OnMoved(now_, kMost);
  EXPECT_EQ(attempt.when, now_);
  EXPECT_FALSE(attempt.same_address);
}

TEST_F(ReconnectPolicyTest, AServerThatDrainsWhoeverComesIsNotAskedAtOnce) {
  policy_.OnConnected(now_);
  const ReconnectPolicy::Attempt attempt = policy_.OnMoved(now_, kMost);
  EXPECT_GT(attempt.when, now_);
  EXPECT_FALSE(attempt.same_address);
}

TEST_F(ReconnectPolicyTest, GivesUpSoLongAfterTheLastServer) {
  EXPECT_EQ(policy_.give_up_at(), now_ + absl::Minutes(1));
  policy_.OnConnected(now_);
  EXPECT_EQ(policy_.give_up_at(), absl::InfiniteFuture());
  now_ += absl::Hours(1);
  policy_.OnFailed(now_, kMost);
  EXPECT_EQ(policy_.give_up_at(), now_ + absl::Minutes(1));
  policy_.OnFailed(now_ + absl::Seconds(1), kMost);
  EXPECT_EQ(policy_.give_up_at(), now_ + absl::Minutes(1));
}

}  // namespace
}  // namespace msgproc::client
