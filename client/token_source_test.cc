#include "client/token_source.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

// Waits for what a source calls back with.
class Answer {
 public:
  TokenSource::Done done() {
    return [this](absl::StatusOr<std::string> token) {
      MutexLock lock(&mutex_);
      token_ = std::move(token);
      ++answers_;
      changed_.SignalAll();
    };
  }
  absl::StatusOr<std::string> Wait() {
    MutexLock lock(&mutex_);
    while (answers_ == 0) changed_.Wait(&mutex_);
    EXPECT_EQ(answers_, 1);
    return token_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int answers_ MSGPROC_GUARDED_BY(mutex_) = 0;
  absl::StatusOr<std::string> token_ MSGPROC_GUARDED_BY(mutex_) = "";
};

absl::StatusOr<std::string> Fetch(TokenSource::Provider provider) {
  TokenSource source(std::move(provider));
  Answer answer;
  source.Fetch(answer.done());
  return answer.Wait();
}

TEST(TokenSourceTest, GivesWhatTheProviderGives) {
  const auto token = Fetch([] { return "abc.def.ghi"; });
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(*token, "abc.def.ghi");
  EXPECT_EQ(Fetch([] { return absl::UnavailableError("no issuer"); }).status(),
            absl::UnavailableError("no issuer"));
}

TEST(TokenSourceTest, RefusesWhatNoHeaderCanCarry) {
  for (const std::string& token :
       {std::string(), std::string("a b"), std::string("a\nb: c"),
        std::string("a\0b", 3), std::string("\xC3\xA4"),
        std::string((7 << 10) + 1, 'a')}) {
    EXPECT_EQ(Fetch([&] { return token; }).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(Fetch([] { return std::string(7 << 10, 'a'); }).ok());
}

TEST(TokenSourceTest, CallsNothingBackOnceItIsGone) {
  Mutex mutex;
  CondVar changed;
  bool entered = false;
  bool go_on = false;
  TokenSource slow([&] {
    MutexLock lock(&mutex);
    entered = true;
    changed.SignalAll();
    while (!go_on) changed.Wait(&mutex);
    return "slow";
  });
  Answer answer;
  slow.Fetch(answer.done());
  {
    MutexLock lock(&mutex);
    while (!entered) changed.Wait(&mutex);
  }
  // It waits behind the slow one, and goes before its turn.
  std::atomic<int> calls{0};
  auto gone = std::make_unique<TokenSource>([&] {
    ++calls;
    return "gone";
  });
  gone->Fetch([&](const absl::StatusOr<std::string>&) { ++calls; });
  gone.reset();
  {
    MutexLock lock(&mutex);
    go_on = true;
    changed.SignalAll();
  }
  EXPECT_TRUE(answer.Wait().ok());
  // What was queued behind the one that is gone is served.
  EXPECT_TRUE(Fetch([] { return "next"; }).ok());
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace msgproc::client
