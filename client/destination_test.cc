#include "client/destination.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

constexpr uint64_t kMost = UINT64_MAX;  // The longest backoff there may be.

class DestinationTest : public testing::Test {
 protected:
  void Connect(const std::string& address) {
    destination_.OnLocated(address, now_);
    destination_.OnUsed();
    destination_.OnConnected(now_);
    destination_.OnResult();
  }

  const absl::Time now_ = absl::UnixEpoch();
  Destination destination_{{.initial_backoff = absl::Milliseconds(100),
                            .max_backoff = absl::Seconds(1),
                            .give_up_after = absl::Minutes(1)},
                           now_};
  const absl::Status why_ = absl::UnavailableError("gone");
};

TEST_F(DestinationTest, AnAddressThatWasFoundIsForNow) {
  const absl::Time later = now_ + absl::Seconds(3);
  EXPECT_EQ(destination_.when(), now_);
  EXPECT_FALSE(destination_.located());
  destination_.OnLocated("one:1", later);
  EXPECT_EQ(destination_.address(), "one:1");
  EXPECT_TRUE(destination_.located());
  EXPECT_EQ(destination_.when(), later);
}

TEST_F(DestinationTest, AfterABreakItIsTheSameAddressOnceAndNotAvoided) {
  Connect("one:1");
  EXPECT_FALSE(destination_.located());
  destination_.OnFailed(why_, now_, kMost);
  EXPECT_TRUE(destination_.located());
  EXPECT_EQ(destination_.address(), "one:1");
  EXPECT_EQ(destination_.when(), now_);
  EXPECT_TRUE(destination_.failed().empty());
  destination_.OnUsed();
  destination_.OnFailed(why_, now_, kMost);
  EXPECT_FALSE(destination_.located());
  EXPECT_EQ(destination_.failed(), std::vector<std::string>{"one:1"});
}

TEST_F(DestinationTest, AnAttemptThatFailsPutsTheNextOneOff) {
  destination_.OnLocated("one:1", now_);
  destination_.OnFailed(why_, now_, kMost);
  EXPECT_GT(destination_.when(), now_ + absl::Milliseconds(99));
}

TEST_F(DestinationTest, AMoveWithoutAnAddressAvoidsTheServerItLeaves) {
  Connect("one:1");
  destination_.OnMoved("", now_, kMost);
  EXPECT_FALSE(destination_.located());
  EXPECT_EQ(destination_.failed(), std::vector<std::string>{"one:1"});
}

TEST_F(DestinationTest, AMoveToAnAddressGoesThere) {
  Connect("one:1");
  const absl::Time later = now_ + absl::Seconds(3);
  destination_.OnMoved("two:2", later, kMost);
  EXPECT_TRUE(destination_.located());
  EXPECT_EQ(destination_.address(), "two:2");
  EXPECT_EQ(destination_.when(), later);
  EXPECT_TRUE(destination_.failed().empty());
}

TEST_F(DestinationTest, WhatNeverHadAnAddressAvoidsNone) {
  destination_.OnFailed(why_, now_, kMost);
  EXPECT_TRUE(destination_.failed().empty());
}

TEST_F(DestinationTest, TheLastEightThatFailedAreAvoided) {
  for (int i = 1; i <= 9; ++i) {
    destination_.OnLocated(absl::StrCat("server:", i), now_);
    destination_.OnFailed(why_, now_, kMost);
  }
  ASSERT_EQ(destination_.failed().size(), 8U);
  EXPECT_EQ(destination_.failed().front(), "server:2");
  EXPECT_EQ(destination_.failed().back(), "server:9");
}

TEST_F(DestinationTest, AConnectionForgetsThemAndTheTimeToGiveUp) {
  destination_.OnLocated("one:1", now_);
  destination_.OnFailed(why_, now_, kMost);
  EXPECT_EQ(destination_.give_up_at(), now_ + absl::Minutes(1));
  destination_.OnConnected(now_);
  EXPECT_TRUE(destination_.failed().empty());
  EXPECT_EQ(destination_.give_up_at(), absl::InfiniteFuture());
}

TEST_F(DestinationTest, SaysHowTheLastAttemptEnded) {
  EXPECT_EQ(destination_.LastFailure(), "");
  destination_.OnFailed(why_, now_, kMost);
  EXPECT_EQ(destination_.LastFailure(),
            "; the last attempt ended UNAVAILABLE: gone");
}

}  // namespace
}  // namespace msgproc::client
