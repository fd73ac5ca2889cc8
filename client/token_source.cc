#include "client/token_source.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/mutex.h"

namespace msgproc::client {
namespace {

// Metadata of a call beyond this is refused by servers as they come.
constexpr size_t kMaxTokenBytes = 7 << 10;

// gRPC ends the process over metadata that HTTP/2 cannot carry.
absl::StatusOr<std::string> Check(absl::StatusOr<std::string> token) {
  if (!token.ok()) return token;
  if (token->empty() || token->size() > kMaxTokenBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("token_provider gave a token of ", token->size(),
                     " bytes; it takes 1 to ", kMaxTokenBytes));
  }
  if (!std::all_of(token->begin(), token->end(),
                   [](unsigned char c) { return absl::ascii_isgraph(c); })) {
    return absl::InvalidArgumentError(
        "token_provider gave a token with a space, a line break or another "
        "byte that a header cannot carry");
  }
  return token;
}

}  // namespace

// Starts with the first token and lives as long as the process.
class TokenThread {
 public:
  static TokenThread& Get() {
    // Never destroyed: sources may outlive static objects.
    static TokenThread* const instance = new TokenThread();
    return *instance;
  }

  void Add(TokenSource* source, TokenSource::Done done) {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(source->done_ == nullptr);
    source->done_ = std::move(done);
    waiting_.push_back(source);
    changed_.Signal();
  }

  void Remove(TokenSource* source) {
    MutexLock lock(&mutex_);
    waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), source),
                   waiting_.end());
    while (running_ == source) finished_.Wait(&mutex_);
  }

 private:
  TokenThread() {
    std::thread([this] { Run(); }).detach();
  }

  [[noreturn]] void Run() {
    while (true) {
      TokenSource::Done done;
      const TokenSource* const source = WaitForNext(&done);
      done(Check(source->provider_()));
      MutexLock lock(&mutex_);
      running_ = nullptr;
      finished_.SignalAll();
    }
  }

  const TokenSource* WaitForNext(TokenSource::Done* done) {
    MutexLock lock(&mutex_);
    while (waiting_.empty()) changed_.Wait(&mutex_);
    running_ = waiting_.front();
    waiting_.pop_front();
    *done = std::exchange(running_->done_, nullptr);
    return running_;
  }

  Mutex mutex_;
  CondVar changed_;
  CondVar finished_;
  std::deque<TokenSource*> waiting_ MSGPROC_GUARDED_BY(mutex_);
  TokenSource* running_ MSGPROC_GUARDED_BY(mutex_) = nullptr;
};

TokenSource::TokenSource(Provider provider) : provider_(std::move(provider)) {
  MSGPROC_CHECK(provider_ != nullptr);
}

TokenSource::~TokenSource() { TokenThread::Get().Remove(this); }

void TokenSource::Fetch(Done done) {
  TokenThread::Get().Add(this, std::move(done));
}

}  // namespace msgproc::client
