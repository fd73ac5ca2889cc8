#include "services/processor/session/quota_share.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

class SilentWaiter final : public QuotaWaiter {
 public:
  void OnQuota() override {}
};

class QuotaShareTest : public testing::Test {
 protected:
  static std::shared_ptr<PrincipalQuota> Quota(
      const base::AccessLimits& limits) {
    auto quota = std::make_shared<PrincipalQuota>("alice", [] {});
    quota->SetLimits(limits);
    return quota;
  }
  static wire::Piece Bytes(size_t size) {
    return {.segment = {}, .data = nullptr, .size = size};
  }
  // Whether the principal holds no more results than its limit. Each call asks
  // for a session of its own, so that none waits already.
  static bool MayGoOn(PrincipalQuota& quota) {
    return quota.Admit(std::make_shared<SilentWaiter>(), kNow, false) > 0;
  }

  static constexpr absl::Time kNow = absl::UnixEpoch();
  QuotaShare share_;
};

TEST_F(QuotaShareTest, WithoutAQuotaNothingIsLimited) {
  EXPECT_FALSE(share_.limited());
  EXPECT_TRUE(share_.Take(true).ok());
  share_.Hold(1000);
  share_.Charge(1000, {Bytes(1)}, kNow);
  EXPECT_EQ(share_.Admit(std::make_shared<SilentWaiter>(), kNow, false),
            UINT64_MAX);
  share_.LeaveStream();
}

TEST_F(QuotaShareTest, CountsOneStreamAndOneSessionHoweverOftenItTakesThem) {
  const auto quota = Quota({.streams = 1, .sessions = 1});
  share_.Set(quota);
  EXPECT_TRUE(share_.limited());
  EXPECT_TRUE(share_.Take(true).ok());
  EXPECT_TRUE(share_.Take(true).ok());
  EXPECT_FALSE(quota->TakeStream().ok());
  EXPECT_FALSE(quota->TakeSession().ok());
  share_.LeaveStream();
  EXPECT_TRUE(quota->TakeStream().ok());
  // The session is there without its stream, and takes the next.
  EXPECT_FALSE(quota->TakeSession().ok());
  EXPECT_TRUE(share_.Take(true).ok());
  EXPECT_FALSE(quota->TakeStream().ok());
}

TEST_F(QuotaShareTest, AStreamAloneCountsNoSession) {
  const auto quota = Quota({.sessions = 1});
  share_.Set(quota);
  EXPECT_TRUE(share_.Take(false).ok());
  EXPECT_TRUE(quota->TakeSession().ok());
}

TEST_F(QuotaShareTest, RefusesAStreamTooMany) {
  const auto quota = Quota({.streams = 1});
  auto other = quota->TakeStream();
  share_.Set(quota);
  const absl::Status refused = share_.Take(false);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  other = PrincipalQuota::Slot();
  EXPECT_TRUE(share_.Take(false).ok());
}

TEST_F(QuotaShareTest, RefusesASessionTooManyAndCountsNoStreamThen) {
  const auto quota = Quota({.streams = 1, .sessions = 1});
  auto other = quota->TakeSession();
  share_.Set(quota);
  EXPECT_EQ(share_.Take(true).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(quota->TakeStream().ok());
}

TEST_F(QuotaShareTest, LeavesWithItsOwner) {
  const auto quota =
      Quota({.streams = 1, .sessions = 1, .outstanding_bytes = 100});
  {
    QuotaShare share;
    share.Set(quota);
    ASSERT_TRUE(share.Take(true).ok());
    share.Hold(101);
    EXPECT_FALSE(MayGoOn(*quota));
  }
  EXPECT_TRUE(quota->TakeStream().ok());
  EXPECT_TRUE(quota->TakeSession().ok());
  // Not behind the one that waits: it is gone, as Wake finds.
  quota->Wake(kNow);
  EXPECT_TRUE(MayGoOn(*quota));
}

TEST_F(QuotaShareTest, HoldsWhatItSaidLast) {
  const auto quota = Quota({.outstanding_bytes = 100});
  share_.Set(quota);
  share_.Hold(60);
  share_.Hold(60);
  share_.Hold(100);
  EXPECT_TRUE(MayGoOn(*quota));
  share_.Hold(101);
  EXPECT_FALSE(MayGoOn(*quota));
  quota->Wake(kNow);
  share_.Hold(1);
  EXPECT_TRUE(MayGoOn(*quota));
  // Exactly what it said: 99 more are the limit.
  quota->Hold(99);
  EXPECT_TRUE(MayGoOn(*quota));
  quota->Hold(1);
  EXPECT_FALSE(MayGoOn(*quota));
}

TEST_F(QuotaShareTest, AnotherQuotaTakesOverWhatIsHeld) {
  const auto before = Quota({.outstanding_bytes = 100});
  const auto after = Quota({.outstanding_bytes = 100});
  share_.Set(before);
  share_.Hold(101);
  share_.Set(after);
  EXPECT_TRUE(MayGoOn(*before));
  EXPECT_FALSE(MayGoOn(*after));
  // The same once more counts nothing twice.
  share_.Set(after);
  share_.Hold(100);
  after->Wake(kNow);
  EXPECT_TRUE(MayGoOn(*after));
}

TEST_F(QuotaShareTest, ChargesMessagesAndTheBytesOfTheirPieces) {
  const auto quota = Quota({.messages_per_second = 10});
  share_.Set(quota);
  const auto session = std::make_shared<SilentWaiter>();
  EXPECT_EQ(share_.Admit(session, kNow, false), 10U);
  share_.Charge(4, {}, kNow);
  EXPECT_EQ(share_.Admit(session, kNow, false), 6U);

  const auto bytes = Quota({.bytes_per_second = 100});
  share_.Set(bytes);
  share_.Charge(1, {Bytes(60), Bytes(40)}, kNow);
  EXPECT_GT(share_.Admit(session, kNow, false), 0U);
  share_.Charge(1, {Bytes(1)}, kNow);
  EXPECT_EQ(share_.Admit(session, kNow, false), 0U);
  EXPECT_EQ(bytes->Wake(kNow), kNow + absl::Milliseconds(10));
}

}  // namespace
}  // namespace msgproc::processor
