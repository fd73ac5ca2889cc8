#include "tests/simulation/client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "common/transition.h"
#include "msgproc/v1/processor.pb.h"
#include "tests/simulation/application.h"
#include "tests/simulation/balancer.h"
#include "tests/simulation/processor.h"
#include "tests/simulation/workers.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {
namespace {

using Kind = client::ConnectionState::Action::Kind;

constexpr absl::Duration kThread = absl::Microseconds(20);
// How long a caller that pauses has nothing to say, on average.
constexpr absl::Duration kPause = absl::Seconds(5);
// What a callback takes that is slow, on average.
constexpr absl::Duration kSlowCallback = absl::Milliseconds(100);
// Behind the three heartbeats after which a processor gives a client up, as in
// deploy/nginx.
constexpr absl::Duration kRelayIdle = absl::Seconds(7);
// How long whoever reads waits for a result at most, whatever others do.
constexpr absl::Duration kInTime = absl::Seconds(10);
// How long a look-up waits for a balancer.
constexpr absl::Duration kLookupTimeout = absl::Seconds(2);

std::vector<std::string> BalancerNames(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(absl::StrCat("balancer", i));
  return names;
}

absl::string_view NameOf(client::SessionState state) {
  switch (state) {
    case client::SessionState::kNone:
      return "NONE";
    case client::SessionState::kNew:
      return "NEW";
    case client::SessionState::kResumed:
      return "RESUMED";
    case client::SessionState::kLost:
      return "LOST";
  }
  return "";
}

}  // namespace

Client::Client(World* world, Owner owner)
    : world_(world),
      owner_(std::move(owner)),
      host_(*owner_.host),
      random_(world->random.Fork()),
      state_(StateOptions()),
      locator_(BalancerNames(world->conditions.balancers), "") {
  if (owner_.file != nullptr) {
    outbox_ = std::make_unique<Outbox>(
        &host_, world->loop.clock(), random_.Fork(), owner_.file,
        [this](const absl::Status& status) { OnOutboxWritten(status); });
    sent_ = owner_.file->session.last_sequence();
  }
  world_->fleet_checker.OnClientStarted(owner_.name);
  Ask(Role::kConnector);
  SendSome();
}

Client::~Client() {
  if (call_ != nullptr) call_->Listen(Call::kClient, nullptr);
}

void Client::Die(bool silently) {
  if (call_ != nullptr) call_->Lose(Call::kClient, silently);
  call_ = nullptr;
  if (outbox_ != nullptr) outbox_->Crash();
}

int Client::NumberOf(const std::string& session_id) {
  absl::string_view rest = session_id;
  int number = -1;
  if (!absl::ConsumePrefix(&rest, "session") ||
      !absl::SimpleAtoi(rest, &number)) {
    return -1;
  }
  return number;
}

client::ConnectionState::Options Client::StateOptions() {
  const bool goes_on =
      owner_.file != nullptr && owner_.file->session.last_sequence() > 0;
  v1::Open open;
  open.set_session_id(SessionId(owner_.session));
  open.set_session_token("0123456789abcdef");
  open.set_instance(goes_on ? random_.Next() | 1 : 1);
  State::Options options;
  options.session.open = open.SerializeAsString();
  if (owner_.file != nullptr) options.session.kept = &owner_.file->session;
  options.session.require_durable = world_->conditions.stored;
  options.follows_drain = true;
  options.clock = world_->loop.clock();
  options.random = [this] { return random_.Next(); };
  options.on_change = [this](State::Phase from, State::Phase to,
                             absl::string_view why) {
    TellTransition("client::ConnectionState", client::PhaseName(from),
                   client::PhaseName(to));
    world_->story.Tell(owner_.name, client::PhaseName(from), " -> ",
                       client::PhaseName(to), ", ", why);
  };
  return options;
}

void Client::Ask(Role role) {
  const Action action = state_.NextAction(&role, &output_);
  SetAlarm();
  if (state_.TakeNews() && std::exchange(waits_for_room_, false)) {
    host_.After(random_.UpTo(kThread), [this] { SendSome(); });
  }
  if (action.kind == Kind::kNone) return Returned(role);
  host_.After(random_.UpTo(kThread), [this, role, action, call = call_] {
    Perform(role, action, call);
  });
}

void Client::Returned(Role role) {
  if (role != Role::kReader && role != Role::kWriter) return;
  if (call_ != nullptr && reactions_ > 0) --reactions_;
  EndCallIfOver();
}

void Client::SetAlarm() {
  absl::Time when;
  if (!state_.TakeAlarm(&when) || when == absl::InfiniteFuture()) return;
  host_.After(std::max(absl::ZeroDuration(), when - world_->loop.now()),
              [this, alarm = ++alarms_] {
                if (alarm != alarms_) return;
                state_.OnTime();
                Ask(Role::kConnector);
              });
}

void Client::SendSome() {
  const uint64_t all = owner_.messages;
  bool any = false;
  for (uint64_t n = 1 + random_.Below(4); n > 0 && sent_ < all; --n) {
    const Conditions& conditions = world_->conditions;
    std::string payload = absl::StrCat(
        owner_.session, "/", sent_ + 1, "/",
        std::string(random_.Below(conditions.large ? kLargePayload : 20), 'x'));
    if (conditions.workers && conditions.poison > 0 &&
        random_.OneIn(conditions.poison)) {
      absl::StrAppend(&payload, random_.OneIn(4) ? kHangs : kKills);
    }
    if (!state_.MaySend(payload)) break;
    const uint64_t sequence = state_.TryAppend(payload, {});
    if (sequence == 0) {
      waits_for_room_ = true;
      if (outbox_ != nullptr) outbox_->Hurry();
      break;
    }
    ++sent_;
    any = true;
    world_->checker.OnSent(owner_.session, sequence, payload);
    if (HasPeace()) sent_at_.push_back(world_->loop.now());
    if (outbox_ != nullptr) outbox_->Take(sequence, payload);
  }
  if (any && state_.OnAppended(/*inside=*/false)) Ask(Role::kCaller);
  // Who closes is not asked to acknowledge any more.
  const Conditions& conditions = world_->conditions;
  if (sent_ == all && !closing_ &&
      conditions.faults.slow_readers != absl::InfiniteDuration() &&
      world_->loop.passed() < conditions.trouble / 2) {
    host_.After(conditions.trouble / 4, [this] { SendSome(); });
    return;
  }
  if (sent_ == all && !closing_) {
    closing_ = true;
    state_.Close(/*inside=*/false);
    Ask(Role::kCaller);
    if (outbox_ != nullptr) outbox_->OnClosed(sent_);
  }
  if (closing_ || state_.phase() == State::Phase::kEnded) return;
  if (waits_for_room_) return;
  const bool pause = world_->conditions.pauses && random_.OneIn(40);
  host_.After(random_.About(pause ? kPause : world_->conditions.sending),
              [this] { SendSome(); });
}

void Client::Perform(Role role, const Action& action,
                     const std::shared_ptr<Call>& call) {
  switch (action.kind) {
    case Kind::kNone:
    case Kind::kFetchToken:
      MSGPROC_CHECK(false);
      break;
    case Kind::kLocate:
      Locate();
      break;
    case Kind::kConnect:
      Connect();
      break;
    case Kind::kWrite:
      Write(&output_.write);
      if (role == Role::kCaller) return;
      break;
    case Kind::kCancel:
      // One that is over, of which the state has not been told yet, has nothing
      // left to cancel.
      if (call != nullptr) call->Cancel(Call::kClient);
      break;
    case Kind::kMark:
      host_.After(random_.UpTo(kThread), [this] {
        state_.OnMarkerReached();
        Ask(Role::kMarker);
      });
      break;
    case Kind::kEvent:
      GiveEvent(output_.event);
      break;
    case Kind::kParse: {
      parsed_ = incoming_;
      const bool readable = frame_.Parse(parsed_);
      if (readable && !frame_.results.empty()) {
        world_->checker.OnArrived(owner_.session,
                                  frame_.results.back().sequence);
      }
      state_.OnParsed(readable ? &frame_ : nullptr, parsed_.size());
      break;
    }
    case Kind::kResults: {
      GiveResults(action.first, action.count);
      // It may be what the program dies in.
      const absl::Duration takes = CallbackTime();
      if (takes == absl::ZeroDuration()) {
        state_.OnDelivered();
        break;
      }
      host_.After(takes, [this, role, action] {
        if (outbox_ != nullptr) {
          const uint64_t through =
              frame_.results[action.first + action.count - 1].sequence;
          world_->checker.OnReturned(owner_.session, through);
          outbox_->OnDelivered(through);
        }
        state_.OnDelivered();
        Ask(role);
      });
      return;
    }
    case Kind::kRead:
      call_->Read(Call::kClient);
      // The next frame may be there before this thread asks.
      host_.After(random_.UpTo(kThread), [this, role] { Ask(role); });
      return;
    case Kind::kRelease:
      released_ = true;
      return Returned(role);
    case Kind::kDeliverOnThread:
      host_.After(random_.UpTo(kThread), [this] { Ask(Role::kDeliverer); });
      break;
  }
  Ask(role);
}

void Client::Locate() {
  ++lookups_;
  world_->fleet_checker.OnAttempt(owner_.name);
  locator_.Begin(output_.failed);
  AskBalancer();
}

void Client::AskBalancer() {
  struct Answer {
    absl::Status status;
    v1::GetServerResponse response;
  };
  const auto answered = [this, lookup = lookups_](const Answer& answer) {
    if (lookup != lookups_) return;  // It was given up.
    if (answer.status.ok()) {
      return OnLocated(locator_.OnAnswer(answer.response));
    }
    auto end = locator_.OnError(answer.status);
    if (end.has_value()) return OnLocated(*std::move(end));
    ++lookups_;
    AskBalancer();
  };
  const std::string balancer = locator_.balancer();
  const v1::GetServerRequest asked = locator_.request();
  world_->fleet_checker.OnLookup(
      owner_.name, {asked.exclude().begin(), asked.exclude().end()});
  const auto timeout = [answered] {
    answered({absl::DeadlineExceededError("no answer"), {}});
  };
  host_.After(kLookupTimeout, timeout);
  if (world_->network.Blocked(owner_.name, balancer) ||
      world_->network.Blocked(balancer, owner_.name)) {
    return;
  }
  host_.After(world_->network.Latency(),
              [this, balancer, answered, request = asked] {
                Answer answer;
                answer.status = world_->FindBalancer(balancer)->GetServer(
                    request, &answer.response);
                host_.After(world_->network.Latency(),
                            [answered, answer] { answered(answer); });
              });
}

void Client::OnLocated(absl::StatusOr<std::string> address) {
  ++lookups_;
  state_.OnLocated(std::move(address));
  Ask(Role::kCaller);
}

void Client::Connect() {
  Processor* const processor = world_->FindProcessor(output_.address);
  MSGPROC_CHECK(processor != nullptr);
  world_->fleet_checker.OnConnecting(owner_.name, processor->name());
  if (call_ != nullptr) call_->Listen(Call::kClient, nullptr);
  released_ = false;
  reactions_ = 0;
  call_ = std::make_shared<Call>(
      &world_->loop, &world_->network, random_.Fork(),
      Call::Place{owner_.name, &host_},
      Call::Place{processor->name(), processor->host()},
      world_->conditions.relayed ? kRelayIdle : absl::ZeroDuration());
  call_->Listen(Call::kClient, this);
  client::Session::Write write;
  if (state_.OnCallMade(&write)) call_->Cancel(Call::kClient);
  world_->checker.OnOpened(owner_.session, world_->loop.now());
  processor->Accept(call_);
  call_->Start();
  call_->Read(Call::kClient);
  Write(&write);
}

void Client::Write(client::Session::Write* write) {
  MSGPROC_CHECK(call_ != nullptr);
  if (write->half_close) {
    world_->checker.OnHalfClosed(owner_.session);
    // Who cannot acknowledge any more, and does not read, may lose its session
    // for the sake of what is still to be handled.
    if (world_->conditions.faults.slow_readers != absl::InfiniteDuration()) {
      world_->fleet_checker.OnDraining(owner_.name);
    }
  }
  if (!write->has_frame) {
    call_->HalfClose();
    // gRPC says so at once.
    host_.After(random_.UpTo(kThread), [this] { OnWritten(true); });
    return;
  }
  std::string bytes = write->head;
  for (const wire::Piece& piece : write->messages) {
    bytes.append(piece.data, piece.size);
  }
  call_->Write(Call::kClient, std::move(bytes), write->half_close);
}

void Client::GiveEvent(const client::StreamEvent& event) {
  using EventKind = client::StreamEvent::Kind;
  switch (event.kind) {
    case EventKind::kConnected:
      world_->story.Tell(owner_.name, "is welcomed by ", event.server_id, ": ",
                         NameOf(event.state));
      world_->checker.OnWelcome(owner_.session, event.server_id,
                                event.state == client::SessionState::kLost,
                                event.store_generation);
      if (outbox_ != nullptr) outbox_->OnWelcome(event.store_generation);
      world_->fleet_checker.OnWelcome(
          owner_.name, event.server_id,
          event.state == client::SessionState::kLost);
      break;
    case EventKind::kDisconnected:
      world_->fleet_checker.OnDisconnected(owner_.name, event.status);
      break;
    case EventKind::kDraining:
      world_->fleet_checker.OnDraining(owner_.name);
      break;
    case EventKind::kViolation:
      world_->checker.Fail("protocol", absl::StrCat(owner_.name, " sees ",
                                                    event.status.ToString()));
      break;
    case EventKind::kClosed:
      // What a caller may do who does not know yet.
      host_.After(random_.UpTo(kThread), [this] {
        state_.Close(/*inside=*/false);
        Ask(Role::kCaller);
      });
      owner_.on_end(event.status);
      break;
  }
}

void Client::GiveResults(size_t first, size_t count) {
  MSGPROC_CHECK_LE(first + count, frame_.results.size());
  for (size_t i = first; i < first + count; ++i) {
    const wire::ResultView& result = frame_.results[i];
    world_->checker.OnResult(owner_.session, result.sequence, !result.failed,
                             result.payload);
    if (!HasPeace()) continue;
    const absl::Duration took =
        world_->loop.now() - sent_at_.at(result.sequence - 1);
    if (took > kInTime) {
      world_->checker.Fail(
          "others", absl::StrCat(owner_.name, " waits ",
                                 absl::FormatDuration(took), " for a result"));
    }
  }
}

bool Client::HasPeace() const {
  const Conditions& conditions = world_->conditions;
  return conditions.OnlySlow() && conditions.poison == 0 &&
         conditions.faults.worker_deaths == absl::InfiniteDuration() &&
         conditions.clients > 1 && !conditions.large &&
         owner_.name == Application::NameOf(conditions.clients - 1);
}

absl::Duration Client::CallbackTime() {
  const absl::Time now = world_->loop.now();
  if (now < stalled_until_) return stalled_until_ - now;
  if (now < slow_until_) return random_.About(kSlowCallback);
  return outbox_ == nullptr ? absl::ZeroDuration() : random_.UpTo(kThread);
}

void Client::OnOutboxWritten(const absl::Status& status) {
  if (status.ok()) {
    world_->checker.OnSendReturned(owner_.session,
                                   owner_.file->session.last_sequence());
    state_.OnKept(outbox_->state().kept());
  } else {
    state_.Cancel(status);
  }
  Ask(Role::kCaller);
}

void Client::OnFrame(std::string bytes) {
  ++reactions_;
  incoming_ = std::move(bytes);
  // Not a Welcome, which is judged by what was heard before.
  if (state_.session().window().connected()) {
    world_->fleet_checker.OnHeard(owner_.name, call_->came(Call::kClient));
  }
  state_.OnFrame();
  Ask(Role::kReader);
}

void Client::OnReadEnded() {
  ++reactions_;
  state_.OnReadEnded();
  Ask(Role::kReader);
}

void Client::OnWritten(bool ok) {
  ++reactions_;
  state_.OnWritten(ok);
  Ask(Role::kWriter);
}

void Client::EndCallIfOver() {
  if (call_ == nullptr || !released_ || reactions_ > 0) return;
  const std::shared_ptr<Call> over = std::exchange(call_, nullptr);
  over->Listen(Call::kClient, nullptr);
  host_.After(random_.UpTo(kThread), [this, status = over->status()] {
    state_.OnCallEnded(status);
    Ask(Role::kReader);
  });
}

}  // namespace msgproc::simulation
