#include "client/server_locator.h"

#include <utility>

#include "client/call_token.h"
#include "client/channel_cache.h"
#include "client/status.h"
#include "common/check.h"
#include "common/grpc_deadline.h"

namespace msgproc::client {
namespace {

// A balancer that comes back is found within this.
constexpr int kMaxReconnectBackoffMs = 500;
// A connection that nobody has used for so long is given up, or every client
// in the world would keep one to its balancer.
constexpr int kIdleTimeoutMs = 30'000;

}  // namespace

ServerLocator::ServerLocator(Options options)
    : options_(std::move(options)),
      state_(options_.balancers, options_.affinity_key, options_.locality) {}

ServerLocator::~ServerLocator() {
  MutexLock lock(&mutex_);
  cancelled_ = true;
  for (Attempt& attempt : attempts_) attempt.context.TryCancel();
  while (asking_ > 0) finished_.Wait(&mutex_);
}

void ServerLocator::Next(const std::vector<std::string>& failed,
                         const std::string& token, Done done) {
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(done != nullptr);
    state_.Begin(failed);
    token_ = token;
    done_ = std::move(done);
    ++asking_;
    attempts_.clear();
  }
  Ask();
}

std::shared_ptr<grpc::Channel> ServerLocator::Channel(
    const std::string& balancer) {
  MutexLock lock(&mutex_);
  std::shared_ptr<grpc::Channel>& channel = channels_[balancer];
  if (channel != nullptr) return channel;
  ChannelCache::Request request = {.address = balancer,
                                   .credentials = options_.credentials,
                                   .arguments = options_.channel_arguments,
                                   .key = 0};
  request.arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  request.arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                           kMaxReconnectBackoffMs);
  request.arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, kIdleTimeoutMs);
  channel = ChannelCache::Get().Connect(request, nullptr);
  return channel;
}

void ServerLocator::Ask() {
  Attempt* attempt = nullptr;
  std::string balancer;
  bool cancelled = false;
  {
    MutexLock lock(&mutex_);
    attempt = &attempts_.emplace_back();
    attempt->request = state_.request();
    balancer = state_.balancer();
    AddToken(token_, &attempt->context);
    cancelled = cancelled_;
  }
  attempt->context.set_deadline(DeadlineAfter(options_.call_timeout));
  if (cancelled) attempt->context.TryCancel();
  v1::Balancer::NewStub(Channel(balancer))
      ->async()
      ->GetServer(&attempt->context, &attempt->request, &attempt->response,
                  [this, attempt](const grpc::Status& status) {
                    OnAnswer(attempt, status);
                  });
}

void ServerLocator::OnAnswer(Attempt* attempt, const grpc::Status& status) {
  absl::optional<absl::StatusOr<std::string>> end;
  Done done;
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK_GT(asking_, 0);
    if (cancelled_) {
      --asking_;
      finished_.SignalAll();
      return;
    }
    if (status.ok()) {
      end = absl::StatusOr<std::string>(state_.OnAnswer(attempt->response));
    } else {
      end = state_.OnError(ToStatus(status));
    }
    if (end.has_value()) done = std::move(done_);
  }
  if (!end.has_value()) return Ask();
  done(*std::move(end));
  MutexLock lock(&mutex_);
  --asking_;
  finished_.SignalAll();
}

}  // namespace msgproc::client
