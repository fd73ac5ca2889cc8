#include "services/processor/store/store_committer.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/processor/store/testing/memory_store.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

// A session whose results are always ready, one by one.
class FakeSession final : public CommitSource {
 public:
  explicit FakeSession(std::string id, uint64_t epoch = 1)
      : id_(std::move(id)), epoch_(epoch) {}

  void set_next(uint64_t next) {
    MutexLock lock(&mutex_);
    next_ = next;
  }
  uint64_t committed() const { return committed_; }
  uint64_t epoch() const {
    MutexLock lock(&mutex_);
    return epoch_;
  }
  bool fenced() const { return fenced_; }
  int undone() const { return undone_; }

  Claim ClaimAnew() const override {
    MutexLock lock(&mutex_);
    Claim claim;
    claim.session_id = id_;
    claim.epoch = epoch_;
    claim.anew = true;
    claim.trace_id = "trace-of-" + id_;
    return claim;
  }
  SessionWrite TakeCommit(size_t /*max_bytes*/, bool with_results) override {
    MutexLock lock(&mutex_);
    EXPECT_TRUE(with_results);
    return {.session_id = id_,
            .epoch = epoch_,
            .first = next_,
            .through = next_,
            .results = "result"};
  }
  void OnCommitted(const SessionWrite& write, uint64_t epoch) override {
    MutexLock lock(&mutex_);
    epoch_ = epoch;
    next_ = write.through + 1;
    committed_ = write.through;
  }
  void OnNotCommitted(const SessionWrite& /*write*/, uint64_t epoch) override {
    MutexLock lock(&mutex_);
    epoch_ = epoch;
    ++undone_;
  }
  void OnFenced(const SessionWrite& /*write*/) override { fenced_ = true; }

 private:
  const std::string id_;
  mutable Mutex mutex_;
  uint64_t epoch_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t next_ MSGPROC_GUARDED_BY(mutex_) = 1;
  std::atomic<uint64_t> committed_{0};
  std::atomic<bool> fenced_{false};
  std::atomic<int> undone_{0};
};

class StoreCommitterTest : public testing::Test {
 protected:
  using Call = MemoryDatabase::Call;

  void Start(int connections = 2,
             absl::Duration upkeep_interval = absl::Hours(1)) {
    committer_ = std::make_unique<StoreCommitter>(
        std::make_unique<MemoryStore>(&database_, "me", connections),
        StoreCommitter::Options{.upkeep_interval = upkeep_interval});
  }

  std::shared_ptr<FakeSession> Open(const std::string& id) {
    Claim claim;
    claim.session_id = id;
    const absl::StatusOr<Claimed> claimed = ClaimNow(claim);
    EXPECT_TRUE(claimed.ok() && claimed->status.ok()) << claimed.status();
    return std::make_shared<FakeSession>(id, claimed->epoch);
  }

  absl::StatusOr<Claimed> ClaimNow(const Claim& claim) {
    std::atomic<bool> answered{false};
    absl::StatusOr<Claimed> result = absl::UnknownError("no answer");
    committer_->ClaimSession(claim, [&](absl::StatusOr<Claimed> claimed) {
      result = std::move(claimed);
      answered = true;
    });
    EXPECT_TRUE(base::Eventually([&] { return answered.load(); }));
    return result;
  }

  void Ready(uint64_t key, const std::shared_ptr<FakeSession>& session) {
    committer_->OnReady(key, session, {.bytes = 6});
  }

  static bool Reaches(const FakeSession& session, uint64_t through) {
    return base::Eventually([&] { return session.committed() == through; });
  }

  uint64_t Retries(StoreRetry why) {
    return committer_->counters()->retries[static_cast<size_t>(why)].load();
  }

  MemoryDatabase database_;
  std::unique_ptr<StoreCommitter> committer_;
};

TEST_F(StoreCommitterTest, ASessionInUseSaysSoLongBeforeItExpires) {
  const auto interval = [this](absl::Duration retention) {
    return StoreCommitter(std::make_unique<MemoryStore>(&database_, "me", 1),
                          {.session_retention = retention})
        .touch_interval();
  };
  EXPECT_EQ(interval(absl::Hours(7 * 24)), absl::Hours(1));
  EXPECT_EQ(interval(absl::Minutes(20)), absl::Minutes(5));
}

TEST_F(StoreCommitterTest, CommitsWhatIsReady) {
  Start();
  const auto a = Open("a");
  const auto b = Open("b");
  Ready(1, a);
  Ready(2, b);
  EXPECT_TRUE(Reaches(*a, 1));
  EXPECT_TRUE(Reaches(*b, 1));
  Ready(1, a);
  EXPECT_TRUE(Reaches(*a, 2));
  EXPECT_EQ(database_.committed_through("a"), 2u);
  EXPECT_TRUE(committer_->Health().ok());
}

TEST_F(StoreCommitterTest, AStoreThatFailsHoldsBackAndLosesNothing) {
  Start(1);
  const auto a = Open("a");
  for (const absl::Status& status :
       {absl::UnavailableError("gone"), absl::ResourceExhaustedError("full"),
        absl::PermissionDeniedError("read-only")}) {
    for (int i = 0; i < 3; ++i) database_.FailNext(Call::kWrite, status);
  }
  Ready(1, a);
  EXPECT_TRUE(base::Eventually([&] { return !committer_->Health().ok(); }));
  EXPECT_TRUE(Reaches(*a, 1));
  EXPECT_TRUE(base::Eventually([&] { return committer_->Health().ok(); }));
  EXPECT_EQ(Retries(StoreRetry::kUnavailable), 3u);
  EXPECT_EQ(Retries(StoreRetry::kFull), 3u);
  EXPECT_EQ(Retries(StoreRetry::kRefused), 3u);
  EXPECT_EQ(a->undone(), 9);
}

TEST_F(StoreCommitterTest, AStoreThatTakesNoCommitsFailsWhateverElseItDoes) {
  Start(1, /*upkeep_interval=*/absl::Milliseconds(1));
  const auto a = Open("a");
  for (int i = 0; i < 8; ++i) {
    database_.FailNext(Call::kCommit, absl::ResourceExhaustedError("full"));
  }
  Ready(1, a);
  EXPECT_TRUE(base::Eventually([&] { return !committer_->Health().ok(); }));
  for (int i = 0; !committer_->Health().ok(); ++i) {
    Claim claim;
    claim.session_id = absl::StrCat("b", i);
    std::atomic<bool> answered{false};
    committer_->ClaimSession(claim, [&](const absl::StatusOr<Claimed>&) {
      EXPECT_TRUE(!committer_->Health().ok() ||
                  Retries(StoreRetry::kFull) == 8u);
      answered = true;
    });
    EXPECT_TRUE(base::Eventually([&] { return answered.load(); }));
  }
  // Not since housekeeping has gone well meanwhile.
  EXPECT_EQ(Retries(StoreRetry::kFull), 8u);
  EXPECT_TRUE(Reaches(*a, 1));
}

TEST_F(StoreCommitterTest, WhoOpensWhileACommitIsResolvedIsRefused) {
  Start(1);
  const auto a = Open("a");
  database_.FailNext(Call::kCommit, absl::UnknownError("lost"));
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    database_.FailNext(Call::kClaim, absl::UnavailableError("gone"));
  }
  Ready(1, a);
  EXPECT_TRUE(base::Eventually([&] { return !committer_->Health().ok(); }));
  Claim claim;
  claim.session_id = "b";
  EXPECT_TRUE(absl::IsUnavailable(ClaimNow(claim).status()));
  EXPECT_EQ(a->committed(), 0u);
  EXPECT_TRUE(Reaches(*a, 1));
}

TEST_F(StoreCommitterTest, AConflictIsTriedAgainAtOnce) {
  Start(1);
  const auto a = Open("a");
  database_.FailNext(Call::kCommit, absl::AbortedError("deadlock"));
  Ready(1, a);
  EXPECT_TRUE(Reaches(*a, 1));
  EXPECT_EQ(Retries(StoreRetry::kConflict), 1u);
  EXPECT_EQ(a->undone(), 0);
}

TEST_F(StoreCommitterTest, ALostAnswerIsFoundOutByClaimingAnew) {
  Start(1);
  const auto a = Open("a");
  database_.LoseNextCommit(/*takes_effect=*/true);
  Ready(1, a);
  EXPECT_TRUE(Reaches(*a, 1));
  EXPECT_EQ(a->undone(), 0);
  EXPECT_EQ(a->epoch(), 2u);
  database_.LoseNextCommit(/*takes_effect=*/false);
  Ready(1, a);
  EXPECT_TRUE(Reaches(*a, 2));
  EXPECT_EQ(a->undone(), 1);
  EXPECT_EQ(a->epoch(), 3u);
  EXPECT_EQ(database_.committed_through("a"), 2u);
  EXPECT_EQ(Retries(StoreRetry::kAmbiguous), 2u);
}

TEST_F(StoreCommitterTest, ASessionThatWasTakenIsCutOutAndTheOthersStand) {
  Start(1);
  const auto a = Open("a");
  const auto b = Open("b");
  MemoryStore other(&database_, "other");
  Claim claim;
  claim.session_id = "a";
  ASSERT_TRUE((*other.Connect())->ClaimSessions({&claim, 1}).ok());
  Ready(1, a);
  Ready(2, b);
  EXPECT_TRUE(Reaches(*b, 1));
  EXPECT_TRUE(base::Eventually([&] { return a->fenced(); }));
  EXPECT_EQ(a->committed(), 0u);
  EXPECT_EQ(database_.committed_through("a"), 0u);
}

TEST_F(StoreCommitterTest, WhoCannotBeCommittedDoesNotHoldUpOthers) {
  Start(1);
  const auto a = Open("a");
  const auto b = Open("b");
  a->set_next(7);  // A gap.
  testing::internal::CaptureStderr();
  Ready(1, a);
  Ready(2, b);
  EXPECT_TRUE(Reaches(*b, 1));
  EXPECT_TRUE(base::Eventually([&] { return a->fenced(); }));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("is given up session=a trace_id=trace-of-a why="));
}

TEST_F(StoreCommitterTest, ClaimsOfOneSessionAreAnsweredInTurn) {
  Start(1);
  std::atomic<int> answered{0};
  std::vector<uint64_t> epochs(3);
  Claim claim;
  claim.session_id = "a";
  for (size_t i = 0; i < 3; ++i) {
    committer_->ClaimSession(claim, [&, i](absl::StatusOr<Claimed> claimed) {
      epochs[i] = claimed->epoch;
      ++answered;
    });
  }
  EXPECT_TRUE(base::Eventually([&] { return answered == 3; }));
  EXPECT_EQ(epochs, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(StoreCommitterTest, AClaimThatCannotBeMadeFailsAtOnce) {
  Start(1);
  const auto a = Open("a");
  database_.FailNext(Call::kClaim, absl::InternalError("?"));
  Claim claim;
  claim.session_id = "b";
  EXPECT_TRUE(absl::IsUnavailable(ClaimNow(claim).status()));
  EXPECT_TRUE(ClaimNow(claim).ok());
  committer_->Stop();
  EXPECT_TRUE(absl::IsUnavailable(ClaimNow(claim).status()));
}

}  // namespace
}  // namespace msgproc::processor
