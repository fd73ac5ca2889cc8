// Every interleaving that a seed can think of, with a program that crashes: a
// Session and an OutboxState on one side, with a disk, strict processors on the
// other. Whatever happens, no processor sees a rule broken, the next program
// finds on the disk what the server may have, and each result is delivered, in
// order in one life, with the same content in each.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/outbox_state.h"
#include "client/session.h"
#include "client/testing/many_seeds.h"
#include "client/testing/strict_processor.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

struct World {
  uint64_t messages = 20;
  std::vector<StrictProcessor::Limits> servers;
  // Out of a thousand steps.
  int crashes = 20;
  int cuts = 20;
  int restarts = 0;
  int drains = 10;
};

class Simulation {
 public:
  Simulation(uint64_t seed, const World& world)
      : random_(seed), world_(world), delivered_(world.messages + 1) {
    for (size_t i = 0; i < world.servers.size(); ++i) {
      servers_.push_back(std::make_unique<StrictProcessor>(
          absl::StrCat("server", i), world.servers[i]));
    }
    Start();
  }

  // Runs until the session has ended. False: something is wrong; it is said.
  bool Run() {
    constexpr int kMostSteps = 200'000;
    for (int step = 0; step < kMostSteps && !failed_ && !closed_; ++step) {
      // Peace in the end, so that it can end.
      if (step == kMostSteps / 2) {
        world_.crashes = world_.cuts = world_.restarts = world_.drains = 0;
      }
      Step();
    }
    EXPECT_TRUE(closed_) << "never ended";
    for (uint64_t i = 1; i <= world_.messages && !failed_; ++i) {
      EXPECT_GT(delivered_[i], 0) << "result " << i;
      failed_ = delivered_[i] == 0;
    }
    EXPECT_TRUE(disk_.messages.empty());
    return closed_ && !failed_;
  }

 private:
  struct Sent {
    std::string bytes;
    bool half_close;
  };
  struct Stray {
    StrictProcessor* server;
    std::shared_ptr<StrictProcessor::Stream> stream;
    std::deque<Sent> sent;
  };

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(int of_thousand) {
    return static_cast<int>(Below(1000)) < of_thousand;
  }
  static std::string Payload(uint64_t sequence) {
    return std::string(sequence * 7 % 20,
                       static_cast<char>('a' + sequence % 26));
  }

  // The program starts, with what the disk has.
  void Start() {
    v1::Open open;
    open.set_session_id("session");
    open.set_session_token("0123456789abcdef");
    session_ = std::make_unique<Session>(
        Session::Options{.open = open.SerializeAsString(), .kept = &disk_});
    outbox_ = std::make_unique<OutboxState>(disk_);
    in_flight_ = false;
    sent_ = disk_.last_sequence();
    received_ = returned_ = disk_.received_through;
    CloseIfAllIsSent();
  }

  // It is gone, and so is what only it knew.
  void Crash() {
    if (session_->phase() != Session::Phase::kDetached) Disconnect();
    // Whether the transaction in flight is there, who knows.
    if (in_flight_ && Chance(500)) Apply();
    if (ended_) {
      closed_ = true;
      return;
    }
    Start();
  }

  void Step() {
    now_ += absl::Milliseconds(Below(300));
    if (Chance(world_.crashes)) return Crash();
    if (Chance(world_.restarts)) {
      servers_[Below(servers_.size())]->Restart();
      return;
    }
    if (Chance(100)) return StrayArrives();
    switch (Below(4)) {
      case 0:
        return DiskWorks();
      case 1:
        return CallbackReturns();
      default:
        break;
    }
    if (session_->phase() == Session::Phase::kDetached) {
      if (Chance(500)) Append();
      if (closing_ && session_->window().drained()) closed_ = true;
      if (Chance(300) && session_->window().settled()) Connect();
      return;
    }
    if (Chance(world_.cuts)) return Disconnect();
    if (Chance(world_.drains)) server_->Drain(stream_.get());
    switch (Below(6)) {
      case 0:
        return Append();
      case 1:
        return WriteNext();
      case 2:
        writing_ = false;
        return;
      case 3:
        return Arrive(server_, stream_.get(), &to_server_);
      case 4:
        return ServerWrites();
      default:
        return ClientReads();
    }
  }

  void Append() {
    for (uint64_t n = Below(4); n > 0 && sent_ < world_.messages; --n) {
      if (session_->TryAppend(Payload(sent_ + 1), {}) == 0) return;
      outbox_->OnTaken(++sent_, 1);
    }
    CloseIfAllIsSent();
  }

  void CloseIfAllIsSent() {
    closing_ = sent_ == world_.messages;
    if (!closing_) return;
    session_->Close();
    outbox_->OnClosed(sent_);
  }

  void DiskWorks() {
    if (!in_flight_) {
      in_flight_ = outbox_->NextGroup(now_, &group_);
      return;
    }
    Apply();
    in_flight_ = false;
    outbox_->OnWritten();
    session_->OnKept(outbox_->kept(), now_);
  }

  // The transaction has reached the disk.
  void Apply() {
    for (uint64_t i = group_.first; i <= group_.through; ++i) {
      disk_.messages.push_back({.payload = Payload(i)});
    }
    if (group_.results != 0) {
      const auto gone =
          static_cast<std::ptrdiff_t>(group_.results - disk_.received_through);
      disk_.messages.erase(disk_.messages.begin(),
                           disk_.messages.begin() + gone);
      disk_.received_through = group_.results;
    }
    disk_.welcomed = disk_.welcomed || group_.welcomed;
    ended_ = group_.ended;
  }

  void CallbackReturns() {
    if (returned_ == received_) return;
    returned_ += 1 + Below(received_ - returned_);
    outbox_->OnDelivered(returned_, now_);
  }

  void Connect() {
    server_ = servers_[Below(servers_.size())].get();
    stream_ = server_->NewStream();
    Session::Write write;
    session_->OnOpen(now_, &write);
    EXPECT_TRUE(write.messages.empty()) << "sent along with Open";
    Transmit(&write);
  }

  void WriteNext() {
    if (writing_) return;
    Session::Write write;
    if (session_->NextWrite(now_, &write)) Transmit(&write);
  }

  void Transmit(Session::Write* write) {
    writing_ = true;
    std::string bytes = write->head;
    for (const wire::Piece& piece : write->messages) {
      bytes.append(piece.data, piece.size);
    }
    v1::ProcessRequest request;
    ASSERT_TRUE(request.ParseFromString(bytes));
    for (const v1::Message& message : request.messages()) {
      EXPECT_LE(message.sequence(), disk_.last_sequence()) << "sent, not kept";
    }
    EXPECT_LE(request.received_through(), disk_.received_through)
        << "told, not gone";
    EXPECT_TRUE(request.messages().empty() || disk_.welcomed);
    EXPECT_TRUE(!write->half_close || ended_ ||
                session_->phase() == Session::Phase::kHalfClosed);
    if (write->has_frame) to_server_.push_back({bytes, false});
    if (write->half_close) to_server_.push_back({"", true});
  }

  void Arrive(StrictProcessor* server, StrictProcessor::Stream* stream,
              std::deque<Sent>* sent) {
    if (sent->empty()) return;
    const auto [bytes, half_close] = sent->front();
    sent->pop_front();
    if (half_close) return server->HalfClose(stream);
    const bool stray_open =
        stream->session == nullptr && stream != stream_.get();
    const absl::Status status = server->Read(stream, bytes);
    if (!status.ok() && stray_open) {
      // A first Open that comes after a later one did is refused, rightly.
      stream->ended = true;
    } else if (!status.ok()) {
      ADD_FAILURE() << status;
      failed_ = true;
    }
  }

  // What was under way on a connection that the client has given up, or an
  // earlier program's, but the server has not.
  void StrayArrives() {
    if (strays_.empty()) return;
    Stray& stray = strays_[Below(strays_.size())];
    Arrive(stray.server, stray.stream.get(), &stray.sent);
  }

  void ServerWrites() {
    v1::ProcessResponse response;
    if (server_->Write(stream_.get(), Below(5), &response)) {
      to_client_.push_back(response.SerializeAsString());
    }
  }

  void ClientReads() {
    if (to_client_.empty()) {
      if (stream_->ended) return Disconnect();
      if (!server_->EndsNow(*stream_)) return;
      EXPECT_TRUE(session_->window().collected());
      EXPECT_TRUE(server_->Forgets(*stream_));
      Disconnect();
      closed_ = closing_ && session_->window().drained();
      return;
    }
    const std::string bytes = to_client_.front();
    to_client_.pop_front();
    wire::ResponseFrame frame;
    ASSERT_TRUE(frame.Parse(bytes));
    const Session::Received heard = session_->OnFrame(frame, now_);
    if (!heard.status.ok()) {
      ADD_FAILURE() << heard.status;
      failed_ = true;
    }
    if (heard.welcome) outbox_->OnWelcome("");
    for (size_t i = heard.first; i < heard.first + heard.count; ++i) {
      const wire::ResultView& result = frame.results[i];
      ++received_;
      if (result.sequence != received_ ||
          result.payload != StrictProcessor::ResultOf(Payload(received_))) {
        ADD_FAILURE() << "result " << result.sequence << " where " << received_
                      << " was due";
        failed_ = true;
        return;
      }
      ++delivered_[received_];
    }
  }

  void Disconnect() {
    if (Chance(500)) {
      strays_.push_back({server_, stream_, std::move(to_server_)});
      if (strays_.size() > 3) strays_.pop_front();
    } else {
      server_->Disconnect(stream_.get());
    }
    session_->OnDisconnected();
    to_server_.clear();
    to_client_.clear();
    writing_ = false;
  }

  std::mt19937_64 random_;
  World world_;

  // On the disk.
  KeptSession disk_;
  bool ended_ = false;

  // In the program.
  std::unique_ptr<Session> session_;
  std::unique_ptr<OutboxState> outbox_;
  bool in_flight_ = false;
  OutboxState::Group group_;  // If one is in flight.
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  uint64_t returned_ = 0;  // Callbacks, for results up to here.
  bool closing_ = false;

  std::vector<std::unique_ptr<StrictProcessor>> servers_;
  StrictProcessor* server_ = nullptr;
  std::shared_ptr<StrictProcessor::Stream> stream_;
  std::deque<Sent> to_server_;
  std::deque<std::string> to_client_;
  std::deque<Stray> strays_;
  bool writing_ = false;
  absl::Time now_ = absl::UnixEpoch();
  std::vector<int> delivered_;  // How often, by sequence.
  bool closed_ = false;
  bool failed_ = false;
};

TEST(OutboxModelTest, AProgramThatCrashes) {
  RunMany<Simulation, World>({.servers = {{}}, .cuts = 0, .drains = 0}, 2000);
}

TEST(OutboxModelTest, CrashesAndBrokenConnections) {
  RunMany<Simulation, World>({.servers = {{}}}, 2000);
}

TEST(OutboxModelTest, CrashesAllTheTime) {
  RunMany<Simulation, World>(
      {.messages = 5, .servers = {{}}, .crashes = 100, .cuts = 100}, 2000);
}

TEST(OutboxModelTest, CrashesOnBothSides) {
  RunMany<Simulation, World>(
      {.servers = {{}, {.outstanding_messages = 3}}, .restarts = 20}, 2000);
}

TEST(OutboxModelTest, ServersOfSmallWindows) {
  RunMany<Simulation, World>(
      {.messages = 40,
       .servers = {{.batch_messages = 2, .outstanding_messages = 3},
                   {.outstanding_messages = 1},
                   {.outstanding_bytes = 50}}},
      1000);
}

}  // namespace
}  // namespace msgproc::client
