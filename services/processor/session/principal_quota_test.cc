#include "services/processor/session/principal_quota.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/session/principal_quotas.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PrincipalQuotaTest : public testing::Test {
 protected:
  // A session that has messages enough, and takes what it is given.
  class Session final : public QuotaWaiter {
   public:
    Session(PrincipalQuotaTest* test, std::string name)
        : test_(test), name_(std::move(name)) {}
    void OnQuota() override {
      test_->woken_.push_back(name_);
      test_->Work(test_->sessions_.at(index));
    }
    size_t index = 0;
    uint64_t done = 0;

   private:
    PrincipalQuotaTest* const test_;
    const std::string name_;
  };

  void SetLimits(const base::AccessLimits& limits) {
    quota_->SetLimits(limits);
  }
  std::shared_ptr<Session> Add(const std::string& name) {
    auto session = std::make_shared<Session>(this, name);
    session->index = sessions_.size();
    sessions_.push_back(session);
    return session;
  }
  void Work(const std::shared_ptr<Session>& session) {
    while (const uint64_t may = quota_->Admit(session, now_, unbound_)) {
      quota_->Charge(may, may * 10, now_);
      session->done += may;
    }
  }

  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  bool unbound_ = false;
  int waits_ = 0;
  std::shared_ptr<PrincipalQuota> quota_ =
      std::make_shared<PrincipalQuota>("alice", [this] { ++waits_; });
  std::vector<std::shared_ptr<Session>> sessions_;
  std::vector<std::string> woken_;
};

TEST_F(PrincipalQuotaTest, AStreamTooManyIsToldWhichLimitAndItsValue) {
  SetLimits({.streams = 2});
  auto first = quota_->TakeStream();
  auto second = quota_->TakeStream();
  ASSERT_TRUE(first.ok() && second.ok());
  const absl::Status third = quota_->TakeStream().status();
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.message()),
              AllOf(HasSubstr("'alice'"), HasSubstr("streams"),
                    HasSubstr("limit, from the access file, is 2")));
  // Sessions count for themselves, and here without a limit.
  EXPECT_TRUE(quota_->TakeSession().ok());
  first = PrincipalQuota::Slot();
  EXPECT_TRUE(quota_->TakeStream().ok());
}

TEST_F(PrincipalQuotaTest, ALimitThatFallsTakesNothingAway) {
  SetLimits({.sessions = 3});
  std::vector<PrincipalQuota::Slot> slots;
  for (int i = 0; i < 3; ++i) {
    slots.push_back(*std::move(quota_->TakeSession()));
  }
  SetLimits({.sessions = 1});
  slots.resize(1);
  EXPECT_FALSE(quota_->TakeSession().ok());
  slots.clear();
  EXPECT_TRUE(quota_->TakeSession().ok());
}

TEST_F(PrincipalQuotaTest, MessagesBeyondTheRateWait) {
  SetLimits({.messages_per_second = 100});
  const auto session = Add("a");
  Work(session);
  EXPECT_EQ(session->done, 101U);
  EXPECT_EQ(waits_, 1);
  EXPECT_EQ(quota_->Wake(now_), now_ + absl::Milliseconds(10));
  for (int i = 0; i < 200; ++i) {
    now_ += absl::Milliseconds(10);
    quota_->Wake(now_);
  }
  EXPECT_NEAR(static_cast<double>(session->done), 300, 1);
}

TEST_F(PrincipalQuotaTest, BytesBeyondTheRateWait) {
  SetLimits({.bytes_per_second = 1000});
  const auto session = Add("a");
  Work(session);
  const uint64_t first = session->done;
  now_ += absl::Seconds(1);
  EXPECT_GT(quota_->Wake(now_), now_);
  // What was too large is paid for before more goes.
  EXPECT_EQ(session->done, first);
  now_ = quota_->Wake(now_);
  quota_->Wake(now_);
  EXPECT_GT(session->done, first);
}

TEST_F(PrincipalQuotaTest, WhoWaitsLongestIsNextAndNobodyStarves) {
  SetLimits({.messages_per_second = 30});
  for (const char* name : {"a", "b", "c"}) Work(Add(name));
  for (int i = 0; i < 3000; ++i) {
    now_ += absl::Milliseconds(10);
    quota_->Wake(now_);
  }
  ASSERT_GE(woken_.size(), 3U);
  EXPECT_THAT(std::vector<std::string>(woken_.begin(), woken_.begin() + 3),
              ElementsAre("a", "b", "c"));
  for (const auto& session : sessions_) {
    EXPECT_NEAR(static_cast<double>(session->done), 310, 40);
  }
}

TEST_F(PrincipalQuotaTest, NewcomersStandBehindThoseWhoWait) {
  SetLimits({.messages_per_second = 1});
  Work(Add("a"));
  const auto late = Add("late");
  now_ += absl::Seconds(1);
  Work(late);
  EXPECT_EQ(late->done, 0U);
  quota_->Wake(now_);
  EXPECT_EQ(woken_.at(0), "a");
}

TEST_F(PrincipalQuotaTest, OneThatIsGoneHoldsUpNobody) {
  SetLimits({.messages_per_second = 1});
  Work(Add("a"));
  Work(Add("b"));
  sessions_.at(0).reset();
  now_ += absl::Seconds(1);
  quota_->Wake(now_);
  EXPECT_THAT(woken_, ElementsAre("b"));
}

TEST_F(PrincipalQuotaTest, WhoHoldsTooMuchWaitsUntilItHoldsLess) {
  SetLimits({.outstanding_bytes = 100});
  quota_->Hold(101);
  const auto session = Add("a");
  EXPECT_EQ(quota_->Admit(session, now_, false), 0U);
  EXPECT_GT(quota_->Wake(now_), now_);
  EXPECT_EQ(session->done, 0U);
  // One that nobody can make hold less goes on.
  EXPECT_GT(quota_->Admit(Add("b"), now_, true), 0U);
}

TEST_F(PrincipalQuotaTest, AFallingHoldLetsItGoOn) {
  SetLimits({.messages_per_second = 1, .outstanding_bytes = 100});
  quota_->Hold(101);
  const auto session = Add("a");
  EXPECT_EQ(quota_->Admit(session, now_, false), 0U);
  quota_->Hold(-1);
  quota_->Wake(now_);
  EXPECT_GT(session->done, 0U);
}

TEST_F(PrincipalQuotaTest, ThoseWhoWaitHaveTheirShare) {
  SetLimits({.messages_per_second = 120, .outstanding_bytes = 100});
  quota_->Hold(101);
  const auto last = Add("last");
  for (const uint64_t share : {120U, 60U, 40U}) {
    EXPECT_EQ(quota_->Admit(last, now_, true), share);
    EXPECT_EQ(quota_->Admit(Add("waits"), now_, false), 0U);
  }
}

TEST_F(PrincipalQuotaTest, WhoWaitsAlreadyWaitsOnce) {
  SetLimits({.messages_per_second = 1});
  const auto session = Add("a");
  Work(session);
  EXPECT_EQ(quota_->Admit(session, now_, false), 0U);
  EXPECT_EQ(waits_, 1);
  now_ += absl::Seconds(1);
  quota_->Wake(now_);
  EXPECT_THAT(woken_, ElementsAre("a"));
}

TEST_F(PrincipalQuotaTest, WhoHadItsTurnStandsBehindThoseWhoWait) {
  SetLimits({.messages_per_second = 1});
  Work(Add("a"));
  Work(Add("b"));
  now_ += absl::Seconds(1);
  quota_->Wake(now_);
  ASSERT_THAT(woken_, ElementsAre("a"));
  now_ += absl::Seconds(1);
  EXPECT_EQ(quota_->Admit(sessions_.at(0), now_, false), 0U);
  quota_->Wake(now_);
  EXPECT_THAT(woken_, ElementsAre("a", "b"));
}

TEST_F(PrincipalQuotaTest, WithoutLimitsNothingWaits) {
  EXPECT_GT(quota_->Admit(Add("a"), now_, false), 1'000'000U);
  EXPECT_EQ(quota_->Wake(now_), absl::InfiniteFuture());
  EXPECT_EQ(waits_, 0);
}

TEST(PrincipalQuotasTest, OnePrincipalHasOneQuota) {
  PrincipalQuotas quotas(Clock::Monotonic());
  const base::Principal alice = {base::Principal::Source::kToken, "alice"};
  EXPECT_EQ(quotas.For(alice, {}), nullptr);
  const auto first = quotas.For(alice, {.streams = 1});
  EXPECT_EQ(quotas.For(alice, {.streams = 2}), first);
  // Limits that are lifted are lifted for what is there, too.
  EXPECT_EQ(quotas.For(alice, {}), first);
  EXPECT_TRUE(first->TakeStream().ok());
  EXPECT_NE(quotas.For({base::Principal::Source::kCertificate, "alice"},
                       {.streams = 1}),
            first);
}

TEST(PrincipalQuotasTest, WhoWaitsIsWokenByAThreadOfTheirOwn) {
  class Waiter final : public QuotaWaiter {
   public:
    void OnQuota() override {
      MutexLock lock(&mutex_);
      ++woken_;
      changed_.SignalAll();
    }
    void Await(int woken) {
      MutexLock lock(&mutex_);
      while (woken_ < woken) changed_.Wait(&mutex_);
    }

   private:
    Mutex mutex_;
    CondVar changed_;
    int woken_ MSGPROC_GUARDED_BY(mutex_) = 0;
  };
  PrincipalQuotas quotas(Clock::Monotonic());
  const auto quota = quotas.For({base::Principal::Source::kToken, "alice"},
                                {.messages_per_second = 100});
  const auto waiter = std::make_shared<Waiter>();
  for (int i = 1; i <= 3; ++i) {
    const absl::Time now = Clock::Monotonic()->Now();
    quota->Charge(110, 0, now);
    EXPECT_EQ(quota->Admit(waiter, now, false), 0U);
    waiter->Await(i);
  }
}

}  // namespace
}  // namespace msgproc::processor
