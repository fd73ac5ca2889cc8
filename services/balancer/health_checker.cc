#include "services/balancer/health_checker.h"

#include <algorithm>
#include <utility>

#include "common/channel_arguments.h"
#include "common/check.h"
#include "grpcpp/create_channel.h"

namespace msgproc::balancer {
namespace {

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

std::shared_ptr<grpc::Channel> NewChannel(
    const std::string& address, const HealthChecker::Options& options) {
  grpc::ChannelArguments arguments = OwnChannelArguments();
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   Milliseconds(options.keepalive_interval));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   Milliseconds(options.keepalive_timeout));
  // Nothing but the watch is ever sent, and that may be quiet for days.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  LeaveRetriesToCaller(options.answer_timeout, &arguments);
  if (!options.tls_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_name);
  }
  return grpc::CreateCustomChannel(address,
                                   options.credentials
                                       ? options.credentials()
                                       : grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

HealthChecker::HealthChecker(const Options& options, const Clock* clock,
                             OnHealth on_health)
    : options_(options), clock_(clock), on_health_(std::move(on_health)) {}

HealthChecker::~HealthChecker() {
  Watch({});
  for (const Target& target : leaving_) target.watch->Wait();
}

void HealthChecker::Watch(const std::map<std::string, uint64_t>& addresses) {
  for (auto item = targets_.begin(); item != targets_.end();) {
    const auto wanted = addresses.find(item->first);
    if (wanted != addresses.end() && wanted->second <= item->second.number) {
      ++item;
      continue;
    }
    Leave(std::move(item->second));
    item = targets_.erase(item);
  }
  for (const auto& [address, number] : addresses) {
    const auto [item, is_new] = targets_.try_emplace(address);
    if (!is_new) continue;
    item->second.number = number;
    item->second.backoff = options_.initial_backoff;
    Begin(address, item->second);
  }
}

void HealthChecker::Leave(Target target) {
  MSGPROC_CHECK(target.watch != nullptr);
  target.watch->Cancel();
  leaving_.push_back(std::move(target));
}

void HealthChecker::Begin(const std::string& address, Target& target) {
  MSGPROC_CHECK(target.watch == nullptr || target.watch->over());
  target.started = clock_->Now();
  target.next = absl::InfiniteFuture();
  // Anew for each attempt: certificates may have been renewed.
  target.channel = NewChannel(address, options_);
  target.watch = std::make_unique<HealthWatch>(
      target.channel,
      [this, address](Health health) { on_health_(address, health); });
}

void HealthChecker::Tick() {
  std::erase_if(leaving_,
                [](const Target& target) { return target.watch->over(); });
  for (auto& [address, target] : targets_) Continue(address, target);
}

void HealthChecker::Continue(const std::string& address, Target& target) {
  MSGPROC_CHECK(target.watch != nullptr);
  const absl::Time now = clock_->Now();
  const bool answered = target.watch->answered();
  if (answered) target.backoff = options_.initial_backoff;
  if (!target.watch->over()) {
    if (!answered && now - target.started > options_.answer_timeout) {
      target.watch->GiveUp();
    }
    return;
  }
  if (target.next == absl::InfiniteFuture()) {
    // One that broke after an answer is asked again at once: is it gone?
    const double jitter = std::uniform_real_distribution<>(0.5, 1)(random_);
    target.next = answered ? now : now + target.backoff * jitter;
    target.backoff = std::min(2 * target.backoff, options_.max_backoff);
  }
  if (now >= target.next) Begin(address, target);
}

}  // namespace msgproc::balancer
