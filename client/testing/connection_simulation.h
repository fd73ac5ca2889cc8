#ifndef MSGPROC_CLIENT_TESTING_CONNECTION_SIMULATION_H_
#define MSGPROC_CLIENT_TESTING_CONNECTION_SIMULATION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/connection_state.h"
#include "common/fake_clock.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::client {

// What a simulation meets with.
struct World {
  uint64_t messages = 30;
  int servers = 2;
  // Out of a thousand steps.
  int cuts = 10;
  int restarts = 5;
  int drains = 10;
  int violations = 0;
  int cancels = 0;
  // Out of a thousand calls that are cut: those of which the server hears late,
  // and reads meanwhile what was under way.
  int late = 0;
  // Out of a thousand times.
  int refusals = 100;
  int echoes = 0;       // Messages that callbacks send.
  bool tokens = false;  // Each call needs one.
};

// A ConnectionState with its threads, which do what they were told at any time
// and in any order, as a machine with many processors does; and calls to
// servers that are cut, drained and cancelled at any step. Whatever happens,
// the caller gets exactly one result for each message, in order, and the stream
// ends.
//
// A Server is what stands at the other end of the calls:
//   Server(std::string id, std::mt19937_64* random, FakeClock* clock)
//   std::shared_ptr<Server::Stream> NewStream()
//   bool Reads(const Stream&)             whether it takes a frame now
//   absl::Status Read(Stream*, bytes)     not OK: the client broke a rule
//   void HalfClose(Stream*)
//   bool Write(Stream*, std::string*)     the next frame, if there is one
//   bool Over(const Stream&)              nothing more will be written
//   absl::Status StatusOf(const Stream&)  with what it ended, once Over
//   void Disconnect(Stream*)              the call was cut or cancelled
//   void Drain(Stream*)
//   void Restart()                        the process was killed
//   void Work()                           a step of what it does by itself
//   static std::string ResultOf(const std::string& payload)
template <typename Server>
class Simulation {
 public:
  Simulation(uint64_t seed, const World& world)
      : random_(seed), world_(world), state_(StateOptions()) {
    for (int i = 0; i < world.servers; ++i) {
      servers_.push_back(std::make_unique<Server>(absl::StrCat("server", i),
                                                  &random_, &clock_));
    }
    Ask(Role::kConnector);
  }

  bool Run() {
    constexpr int kMostSteps = 300'000;
    for (int step = 0; step < kMostSteps; ++step) {
      if (step == kMostSteps / 2) {
        world_.cuts = world_.restarts = world_.drains = 0;
        world_.refusals = world_.violations = 0;
      }
      Step();
      if (::testing::Test::HasFailure()) return false;
      if (state_.Finished() && threads_.empty()) break;
    }
    EXPECT_TRUE(state_.Finished())
        << PhaseName(state_.phase()) << ", received " << received_;
    EXPECT_TRUE(closed_) << "kClosed was not delivered";
    if (!cancelled_ && world_.violations == 0) {
      EXPECT_EQ(state_.status(), absl::OkStatus());
      EXPECT_EQ(received_, world_.messages);
    }
    EXPECT_EQ(state_.delivered(), received_);
    return !::testing::Test::HasFailure();
  }

 private:
  using Action = ConnectionState::Action;
  using Kind = ConnectionState::Action::Kind;
  using Phase = ConnectionState::Phase;
  using Role = ConnectionState::Role;

  struct Call;
  // A thread that was told to do something and has not.
  struct Thread {
    Role role;
    Action action;
    std::shared_ptr<Call> call;  // To be cancelled, perhaps after its end.
  };
  struct Sent {
    std::string bytes;
    bool half_close;
  };
  struct Call {
    Server* server = nullptr;
    std::shared_ptr<typename Server::Stream> stream;
    std::deque<Sent> to_server;
    std::deque<std::string> to_client;
    bool started = false;
    bool cancelled = false;
    bool cut = false;
    bool garbage = false;
    bool reading = false;
    bool writing = false;
    bool marker = false;
    bool read_ended = false;
    bool released = false;
    int reactions = 0;  // Of gRPC's, that have not returned.
    bool Over() const { return cancelled || cut; }
  };

  ConnectionState::Options StateOptions() {
    v1::Open open;
    open.set_session_id("session");
    open.set_session_token("0123456789abcdef");
    ConnectionState::Options options;
    options.session.open = open.SerializeAsString();
    options.needs_token = world_.tokens;
    options.clock = &clock_;
    options.random = [this] { return random_(); };
    options.on_change = [this](Phase from, Phase to, absl::string_view why) {
      EXPECT_FALSE(why.empty());
      EXPECT_NE(from, to);
      EXPECT_FALSE(ended_);
      ended_ = to == Phase::kEnded;
    };
    return options;
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(int of_thousand) {
    return static_cast<int>(Below(1000)) < of_thousand;
  }
  static std::string Payload(uint64_t sequence) {
    return std::string(sequence % 20, static_cast<char>('a' + sequence % 26));
  }

  void Ask(Role role) {
    const Action action = state_.NextAction(&role, &output_);
    absl::Time alarm;
    if (state_.TakeAlarm(&alarm)) alarm_ = alarm;
    if (action.kind != Kind::kNone) threads_.push_back({role, action, call_});
    EXPECT_LE(ThreadsOf(Role::kDeliverer), 1);
    if (action.kind == Kind::kNone) Returned(role);
  }
  // A reaction of gRPC's is over: it waits for those before the status.
  void Returned(Role role) {
    if (role != Role::kReader && role != Role::kWriter) return;
    if (call_ != nullptr && call_->reactions > 0) --call_->reactions;
  }

  void Step() {
    clock_.Advance(absl::Milliseconds(Below(50)));
    for (const auto& server : servers_) server->Work();
    LateStep();
    if (!threads_.empty() && Chance(600)) {
      const size_t index = Below(threads_.size());
      const Thread thread = threads_[index];
      threads_.erase(threads_.begin() + static_cast<ptrdiff_t>(index));
      Perform(thread);
      return;
    }
    switch (Below(8)) {
      case 0:
        return Append(/*inside=*/false);
      case 1:
        return Tick();
      case 2:
        return Chance(500) ? Located() : Token();
      case 3:
        if (Chance(world_.cancels)) {
          cancelled_ = true;
          state_.Cancel();
          Ask(Role::kCaller);
        }
        return;
      default:
        if (call_ != nullptr && call_->started) NetworkStep();
    }
  }

  ptrdiff_t ThreadsOf(Role role) const {
    return std::count_if(
        threads_.begin(), threads_.end(),
        [role](const Thread& thread) { return thread.role == role; });
  }
  void Tick() {
    // The timers' thread is one, and does one thing after another.
    if (clock_.Now() < alarm_ || ThreadsOf(Role::kConnector) > 0) return;
    alarm_ = absl::InfiniteFuture();
    state_.OnTime();
    Ask(Role::kConnector);
  }

  void Append(bool inside) {
    bool any = false;
    for (uint64_t n = Below(4); n > 0 && sent_ < world_.messages; --n) {
      const std::string payload = Payload(sent_ + 1);
      if (!state_.MaySend(payload)) break;
      const uint64_t sequence = state_.TryAppend(payload, {});
      if (sequence == 0) break;
      EXPECT_EQ(sequence, ++sent_);
      any = true;
    }
    if (any && state_.OnAppended(inside)) Ask(Role::kCaller);
    if (sent_ == world_.messages && !closing_) {
      closing_ = true;
      state_.Close(inside);
      if (!inside) Ask(Role::kCaller);
    }
  }

  void Located() {
    if (!locating_) return;
    locating_ = false;
    if (Chance(world_.refusals)) {
      state_.OnLocated(absl::UnavailableError("nobody there"));
    } else {
      state_.OnLocated(absl::StrCat("server", Below(servers_.size())));
    }
    Ask(Role::kCaller);
  }

  void Token() {
    if (!fetching_token_) return;
    fetching_token_ = false;
    if (Chance(world_.refusals)) {
      state_.OnToken(absl::UnavailableError("no token"));
    } else {
      state_.OnToken(std::string("token"));
    }
    Ask(Role::kCaller);
  }

  void Perform(const Thread& thread) {
    Role role = thread.role;
    switch (thread.action.kind) {
      case Kind::kNone:
        break;
      case Kind::kFetchToken:
        EXPECT_TRUE(world_.tokens);
        EXPECT_FALSE(fetching_token_);
        fetching_token_ = true;
        if (Chance(300)) Token();
        break;
      case Kind::kLocate:
        EXPECT_FALSE(locating_);
        EXPECT_NE(output_.token.empty(), world_.tokens);
        locating_ = true;
        if (Chance(300)) Located();
        break;
      case Kind::kConnect:
        Connect();
        break;
      case Kind::kWrite:
        Write(&output_.write);
        if (role == Role::kCaller) return;
        break;
      case Kind::kCancel:
        thread.call->cancelled = true;
        thread.call->server->Disconnect(thread.call->stream.get());
        break;
      case Kind::kMark:
        EXPECT_FALSE(call_->marker);
        call_->marker = true;
        break;
      case Kind::kEvent:
        Event(output_.event);
        break;
      case Kind::kParse:
        Parse();
        break;
      case Kind::kResults:
        Results(thread.action.first, thread.action.count);
        break;
      case Kind::kRead:
        EXPECT_FALSE(call_->reading);
        EXPECT_FALSE(call_->released);
        call_->reading = true;
        break;
      case Kind::kRelease:
        EXPECT_FALSE(call_->released);
        EXPECT_FALSE(call_->writing);
        EXPECT_FALSE(call_->marker);
        EXPECT_TRUE(call_->read_ended);
        call_->released = true;
        Returned(role);
        return;
      case Kind::kDeliverOnThread:
        Ask(Role::kDeliverer);
        break;
    }
    Ask(role);
  }

  void Connect() {
    call_ = std::make_shared<Call>();
    call_->server = servers_[Below(servers_.size())].get();
    call_->stream = call_->server->NewStream();
    Session::Write write;
    if (state_.OnCallMade(&write)) {
      call_->cancelled = true;
      call_->server->Disconnect(call_->stream.get());
    }
    call_->started = call_->reading = true;
    Write(&write);
  }

  void Write(Session::Write* write) {
    ASSERT_NE(call_, nullptr);
    EXPECT_FALSE(call_->writing);
    EXPECT_FALSE(call_->released);
    call_->writing = true;
    std::string bytes = write->head;
    for (const wire::Piece& piece : write->messages) {
      bytes.append(piece.data, piece.size);
    }
    if (write->has_frame) call_->to_server.push_back({bytes, false});
    if (write->half_close) call_->to_server.push_back({"", true});
  }

  void NetworkStep() {
    if (Chance(world_.cuts) && !call_->cut) {
      call_->cut = true;
      if (Chance(world_.late)) {
        late_.push_back(call_);
      } else {
        call_->server->Disconnect(call_->stream.get());
      }
    }
    if (Chance(world_.restarts)) servers_[Below(servers_.size())]->Restart();
    if (Chance(world_.drains)) call_->server->Drain(call_->stream.get());
    if (Chance(world_.violations)) call_->garbage = true;
    switch (Below(5)) {
      case 0:
        return ServerReads();
      case 1:
        return ServerWrites();
      case 2:
        return ReadEnds();
      case 3:
        return WriteEnds();
      default:
        if (call_->marker) {
          call_->marker = false;
          state_.OnMarkerReached();
          Ask(Role::kMarker);
        } else if (call_->released && call_->reactions == 0) {
          CallEnds();
        }
    }
  }

  void ServerReads() {
    if (!call_->Over()) ServerReads(call_.get());
  }
  void ServerReads(Call* call) {
    if (call->to_server.empty() || !call->server->Reads(*call->stream)) return;
    const Sent sent = call->to_server.front();
    call->to_server.pop_front();
    if (sent.half_close) {
      call->server->HalfClose(call->stream.get());
      return;
    }
    EXPECT_EQ(call->server->Read(call->stream.get(), sent.bytes),
              absl::OkStatus());
  }
  // Of a call that is long gone.
  void LateStep() {
    if (late_.empty() || !Chance(100)) return;
    Call* const call = late_.front().get();
    if (!call->to_server.empty() && Chance(800)) return ServerReads(call);
    call->server->Disconnect(call->stream.get());
    late_.pop_front();
  }
  void ServerWrites() {
    std::string bytes;
    if (!call_->Over() && call_->server->Write(call_->stream.get(), &bytes)) {
      call_->to_client.push_back(std::move(bytes));
    }
  }
  void ReadEnds() {
    if (!call_->reading) return;
    const bool ends = call_->Over() || (call_->to_client.empty() &&
                                        call_->server->Over(*call_->stream));
    if (ends) {
      call_->reading = false;
      call_->read_ended = true;
      ++call_->reactions;
      state_.OnReadEnded();
      Ask(Role::kReader);
      return;
    }
    if (call_->to_client.empty()) return;
    call_->reading = false;
    incoming_ = std::exchange(call_->garbage, false) ? "\xff"
                                                     : call_->to_client.front();
    call_->to_client.pop_front();
    ++call_->reactions;
    state_.OnFrame();
    Ask(Role::kReader);
  }
  void WriteEnds() {
    if (!call_->writing) return;
    call_->writing = false;
    ++call_->reactions;
    state_.OnWritten(!call_->Over());
    Ask(Role::kWriter);
  }
  void CallEnds() {
    absl::Status status;
    if (call_->cancelled) {
      status = absl::CancelledError("cancelled");
    } else if (call_->cut || !call_->server->Over(*call_->stream)) {
      status = absl::UnavailableError("cut");
    } else {
      status = call_->server->StatusOf(*call_->stream);
    }
    call_.reset();
    state_.OnCallEnded(status);
    Ask(Role::kReader);
  }

  void Parse() {
    parsed_ = incoming_;
    const bool readable = frame_.Parse(parsed_);
    state_.OnParsed(readable ? &frame_ : nullptr, parsed_.size());
  }
  void Results(size_t first, size_t count) {
    ASSERT_GT(count, 0u);
    ASSERT_LE(first + count, frame_.results.size());
    for (size_t i = first; i < first + count; ++i) {
      const wire::ResultView& result = frame_.results[i];
      ++received_;
      EXPECT_EQ(result.sequence, received_);
      EXPECT_EQ(result.payload, Server::ResultOf(Payload(received_)));
      if (Chance(world_.echoes)) Append(/*inside=*/true);
    }
    state_.OnDelivered();
  }
  void Event(const StreamEvent& event) {
    EXPECT_FALSE(closed_) << "something follows kClosed";
    switch (event.kind) {
      case StreamEvent::Kind::kConnected:
        EXPECT_FALSE(connected_);
        connected_ = true;
        break;
      case StreamEvent::Kind::kDisconnected:
        EXPECT_TRUE(connected_);
        connected_ = false;
        break;
      case StreamEvent::Kind::kDraining:
        EXPECT_TRUE(connected_);
        break;
      case StreamEvent::Kind::kViolation:
        EXPECT_GT(world_.violations, 0) << event.status;
        break;
      case StreamEvent::Kind::kClosed:
        closed_ = true;
        break;
    }
  }

  std::mt19937_64 random_;
  World world_;
  FakeClock clock_;
  ConnectionState state_;
  ConnectionState::Output output_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<Thread> threads_;
  std::deque<std::shared_ptr<Call>> late_;
  std::shared_ptr<Call> call_;
  absl::Time alarm_ = absl::InfiniteFuture();
  bool locating_ = false;
  bool fetching_token_ = false;
  bool closing_ = false;
  bool cancelled_ = false;
  bool ended_ = false;
  bool connected_ = false;
  bool closed_ = false;
  std::string incoming_;
  std::string parsed_;
  wire::ResponseFrame frame_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TESTING_CONNECTION_SIMULATION_H_
