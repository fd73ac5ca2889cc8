#include "services/processor/registration/balancer_connection.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "client/status.h"
#include "common/channel_arguments.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/quoted.h"
#include "grpcpp/create_channel.h"
#include "services/base/log.h"
#include "services/processor/registration/registration_advice.h"
#include "services/processor/registration/session_change.h"
#include "wire/proto_duration.h"

namespace msgproc::processor {
namespace {

// How often a report that could not wait is looked for.
constexpr absl::Duration kTick = absl::Milliseconds(200);

absl::Time Now() { return Clock::Monotonic()->Now(); }

constexpr absl::string_view kPhaseNames[] = {"waiting", "calling", "registered",
                                             "left"};

std::shared_ptr<grpc::Channel> NewChannel(
    const BalancerConnection::Options& options) {
  grpc::ChannelArguments arguments = OwnChannelArguments();
  LeaveRetriesToCaller(absl::Seconds(2), &arguments);
  return grpc::CreateCustomChannel(options.balancer,
                                   options.credentials
                                       ? options.credentials()
                                       : grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

BalancerConnection::BalancerConnection(Options options, MakeReport make_report,
                                       OnMove on_move, OnOrder on_order)
    : options_(std::move(options)),
      make_report_(std::move(make_report)),
      on_move_(std::move(on_move)),
      on_order_(std::move(on_order)),
      backoff_(options_.initial_backoff, options_.max_backoff),
      timer_([this] { OnTimer(); }) {
  MSGPROC_CHECK(make_report_ != nullptr);
  MSGPROC_CHECK(on_move_ != nullptr);
  MSGPROC_CHECK(on_order_ != nullptr);
  timer_.Set(absl::InfinitePast());
}

BalancerConnection::~BalancerConnection() {
  MutexLock lock(&mutex_);
  phase_ = Phase::kLeft;
  if (in_call_) call_->Cancel();
  while (in_call_) changed_.Wait(&mutex_);
}

bool BalancerConnection::registered() const {
  MutexLock lock(&mutex_);
  return phase_ == Phase::kRegistered;
}

void BalancerConnection::AddDumps(absl::Time now,
                                  std::vector<StateDump>* dumps) {
  MutexLock lock(&mutex_);
  const bool registered = phase_ == Phase::kRegistered;
  dumps->push_back(StateDump(
      "processor::BalancerConnection",
      {{"balancer", Quoted(options_.balancer)},
       {"phase", kPhaseNames[static_cast<size_t>(phase_)]},
       {"in_call", in_call_},
       {"silent", silent_},
       {"lease", lease_},
       {"connect_at", When(connect_at_, now)},
       {"registered_at", registered ? When(registered_at_, now) : "never"},
       {"heard_at", in_call_ ? When(heard_at_, now) : "never"},
       {"reported_at", registered ? When(reported_at_, now) : "never"},
       {"reported_sessions", reported_sessions_},
       {"reported_state", v1::ServerState_Name(reported_state_)},
       {"wanted", wanted_},
       {"written", written_},
       {"answered", answered_},
       {"said", Quoted(said_)}}));
}

void BalancerConnection::OnTimer() {
  // Asked without the lock: it is the processor's own.
  const v1::RegisterRequest report = make_report_();
  std::shared_ptr<RegisterCall> call;
  bool begin = false;
  bool silent = false;
  {
    MutexLock lock(&mutex_);
    if (phase_ == Phase::kLeft) return;
    const absl::Time now = Now();
    if (phase_ == Phase::kWaiting) {
      begin = now >= connect_at_;
      if (!begin) timer_.Set(connect_at_);
    } else {
      silent = silent_ = now - heard_at_ > lease_;
      call = silent ? call_ : CallToReport(report);
      timer_.Set(std::min(now + kTick, reported_at_ + lease_ / 3));
    }
  }
  if (begin) return Begin(report);
  if (call == nullptr) return;
  if (silent) {
    call->Cancel();
  } else {
    call->Write(report);
  }
}

void BalancerConnection::Begin(const v1::RegisterRequest& report) {
  // Private base: make_shared could not convert.
  RegisterCall::Listener* const listener = this;
  const auto call = std::make_shared<RegisterCall>(
      NewChannel(options_), options_.token ? options_.token() : "", listener);
  // The old call's memory goes here and not on a thread of gRPC.
  std::shared_ptr<RegisterCall> old = call;
  {
    MutexLock lock(&mutex_);
    if (phase_ == Phase::kLeft) return;
    MSGPROC_CHECK(phase_ == Phase::kWaiting);
    MSGPROC_CHECK(!in_call_);
    phase_ = Phase::kCalling;
    call_.swap(old);
    in_call_ = true;
    heard_at_ = Now();
    Reported(report);
    timer_.Set(Now() + kTick);
  }
  call->Start(report);
}

void BalancerConnection::Reported(const v1::RegisterRequest& report) {
  reported_at_ = Now();
  reported_sessions_ = report.sessions();
  reported_state_ = report.state();
  written_ = wanted_;
}

std::shared_ptr<RegisterCall> BalancerConnection::CallToReport(
    const v1::RegisterRequest& report) {
  const bool much = IsMuch(reported_sessions_, report.sessions()) ||
                    report.state() != reported_state_;
  if (written_ == wanted_ && !much && Now() - reported_at_ < lease_ / 3) {
    return nullptr;
  }
  Reported(report);
  return call_;
}

void BalancerConnection::OnAnswer(const v1::RegisterResponse& answer) {
  {
    MutexLock lock(&mutex_);
    heard_at_ = Now();
    MSGPROC_CHECK(in_call_);
    MSGPROC_CHECK(phase_ != Phase::kWaiting);
    // An order is no answer to a report.
    if (!answer.has_order()) answered_ = written_;
    MSGPROC_CHECK_LE(answered_, wanted_);
    const absl::Duration lease = wire::FromProto(answer.lease());
    if (lease > absl::ZeroDuration()) lease_ = lease;
    if (phase_ == Phase::kCalling) {
      phase_ = Phase::kRegistered;
      registered_at_ = Now();
    }
    changed_.SignalAll();
  }
  SayOnce("registered", true);
  if (answer.has_move()) on_move_(answer.move());
  if (answer.has_order()) on_order_(answer.order());
}

void BalancerConnection::OnEnded(const grpc::Status& status) {
  bool left = false;
  absl::BitGen random;
  // Its place was taken, or is held by another that the balancer trusts more.
  const bool replaced = status.error_code() == grpc::StatusCode::ABORTED ||
                        status.error_code() == grpc::StatusCode::ALREADY_EXISTS;
  const absl::Duration long_pause =
      absl::Uniform(random, 0.5, 1.5) * options_.replaced_backoff;
  std::string why = status.ok() ? "the balancer ended the stream"
                                : client::ToStatus(status).ToString();
  const std::string advice = RegistrationAdvice(client::ToStatus(status),
                                                options_.credentials != nullptr,
                                                options_.setting_name);
  if (!advice.empty()) absl::StrAppend(&why, "; ", advice);
  {
    MutexLock lock(&mutex_);
    left = phase_ == Phase::kLeft;
    if (silent_) {
      why = absl::StrCat("the balancer was silent for longer than the lease, ",
                         absl::FormatDuration(lease_));
    }
    silent_ = false;
  }
  if (!left && replaced) SayReplaced(why, long_pause);
  if (!left && !replaced) SayOnce(why, false);
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(in_call_);
  in_call_ = false;
  changed_.SignalAll();
  if (phase_ == Phase::kLeft) return;
  MSGPROC_CHECK(phase_ != Phase::kWaiting);
  // One that was soon over again was no success.
  if (phase_ == Phase::kRegistered && Now() - registered_at_ > lease_) {
    backoff_.Reset();
  }
  phase_ = Phase::kWaiting;
  const absl::Duration pause =
      absl::Uniform(random, 0.0, 1.0) * backoff_.Next();
  connect_at_ = Now() + (replaced ? long_pause : pause);
  timer_.Set(connect_at_);
}

void BalancerConnection::ReportNow() {
  MutexLock lock(&mutex_);
  ++wanted_;
  if (phase_ == Phase::kRegistered) timer_.Set(absl::InfinitePast());
}

void BalancerConnection::AwaitReport(absl::Time deadline) {
  MutexLock lock(&mutex_);
  while (phase_ == Phase::kRegistered && answered_ < wanted_) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(&mutex_, left);
  }
}

void BalancerConnection::SayGoodbye() {
  std::shared_ptr<RegisterCall> call;
  bool registered = false;
  {
    MutexLock lock(&mutex_);
    registered = phase_ == Phase::kRegistered;
    phase_ = Phase::kLeft;
    if (in_call_) call = call_;
  }
  if (call == nullptr) return;
  if (registered) {
    call->HalfClose();
  } else {
    call->Cancel();
  }
}

void BalancerConnection::AwaitEnd(absl::Time deadline) {
  MutexLock lock(&mutex_);
  while (in_call_) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(&mutex_, left);
  }
}

void BalancerConnection::SayReplaced(const std::string& why,
                                     absl::Duration pause) {
  {
    MutexLock lock(&mutex_);
    said_ = why;
  }
  base::LogError(
      absl::StrCat("another processor has this one's ",
                   options_.setting_name("server_id"),
                   ": no client is sent here; give each its own name, or stop "
                   "one of them"),
      {{"balancer", balancer()}, {"reason", why}, {"next_try_in", pause}});
}

void BalancerConnection::SayOnce(const std::string& what, bool good) {
  {
    MutexLock lock(&mutex_);
    if (said_ == what) return;
    said_ = what;
  }
  if (good) {
    base::LogInfo("balancer", {{"balancer", balancer()}, {"event", what}});
  } else {
    base::LogWarning("not registered with a balancer; trying on",
                     {{"balancer", balancer()}, {"reason", what}});
  }
}

}  // namespace msgproc::processor
