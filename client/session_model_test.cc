// Every interleaving that a seed can think of: a Session on one side, strict
// processors on the other, and between them a network that delays, cuts, and
// loses what was on its way. Whatever happens, no processor sees a rule broken
// and the caller gets exactly one result for each message, in order.
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
#include "client/session.h"
#include "client/testing/many_seeds.h"
#include "client/testing/strict_processor.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

struct World {
  uint64_t messages = 8;
  size_t most_payload = 20;
  WindowLimits own;
  std::vector<StrictProcessor::Limits> servers;
  // Out of a thousand steps.
  int cuts = 50;
  int restarts = 10;
  int drains = 10;
};

class Simulation {
 public:
  Simulation(uint64_t seed, const World& world)
      : random_(seed),
        world_(world),
        session_({.open = Open(), .limits = world.own}) {
    for (size_t i = 0; i < world.servers.size(); ++i) {
      servers_.push_back(std::make_unique<StrictProcessor>(
          absl::StrCat("server", i), world.servers[i]));
      servers_.back()->set_welcomes_first(Chance(500));
    }
  }

  // Runs until the session is closed. False: something is wrong; it is said.
  bool Run() {
    constexpr int kMostSteps = 200'000;
    for (int step = 0; step < kMostSteps && !failed_; ++step) {
      // Peace in the end, so that it can end.
      if (step == kMostSteps / 2) {
        world_.cuts = world_.restarts = world_.drains = 0;
      }
      Step();
      if (closed_) break;
    }
    EXPECT_TRUE(closed_) << "never ended; received " << received_;
    EXPECT_EQ(received_, world_.messages);
    return closed_ && !failed_ && received_ == world_.messages;
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

  static std::string Open() {
    v1::Open open;
    open.set_session_id("session");
    open.set_session_token("0123456789abcdef");
    return open.SerializeAsString();
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(int of_thousand) {
    return static_cast<int>(Below(1000)) < of_thousand;
  }
  std::string Payload(uint64_t sequence) const {
    return std::string(sequence * 7 % (world_.most_payload + 1),
                       static_cast<char>('a' + sequence % 26));
  }

  void Step() {
    now_ += absl::Milliseconds(Below(300));
    if (Chance(world_.restarts)) {
      servers_[Below(servers_.size())]->Restart();
      return;
    }
    if (Chance(100)) return StrayArrives();
    if (session_.phase() == Session::Phase::kDetached) {
      if (Chance(500)) Append();
      if (Chance(300)) Connect();
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
        return ServerReads();
      case 4:
        return ServerWrites();
      default:
        return ClientReads();
    }
  }

  void Append() {
    for (uint64_t n = Below(4); n > 0 && sent_ < world_.messages; --n) {
      const std::string payload = Payload(sent_ + 1);
      const uint64_t sequence = session_.TryAppend(payload, {});
      if (sequence == 0) return;
      ASSERT_EQ(sequence, ++sent_);
    }
    if (sent_ == world_.messages) session_.Close();
  }

  void Connect() {
    server_ = servers_[Below(servers_.size())].get();
    stream_ = server_->NewStream();
    Session::Write write;
    session_.OnOpen(now_, &write);
    Transmit(&write);
  }

  void WriteNext() {
    if (writing_) return;
    Session::Write write;
    const bool draining = session_.phase() == Session::Phase::kDraining;
    if (!session_.NextWrite(now_, &write)) return;
    EXPECT_FALSE(draining && !write.messages.empty()) << "sent while draining";
    Transmit(&write);
  }

  void Transmit(Session::Write* write) {
    writing_ = true;
    std::string bytes = write->head;
    for (const wire::Piece& piece : write->messages) {
      bytes.append(piece.data, piece.size);
    }
    if (write->has_frame) to_server_.push_back({bytes, false});
    if (write->half_close) to_server_.push_back({"", true});
  }

  void ServerReads() { Arrive(server_, stream_.get(), &to_server_); }

  void Arrive(StrictProcessor* server, StrictProcessor::Stream* stream,
              std::deque<Sent>* sent) {
    if (sent->empty()) return;
    const auto [bytes, half_close] = sent->front();
    sent->pop_front();
    if (half_close) {
      server->HalfClose(stream);
      return;
    }
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

  // What was under way on a connection that the client has given up, but the
  // server has not.
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
      if (server_->EndsNow(*stream_)) {
        // The client half-closes once it has all that it will get here, and
        // has said so.
        EXPECT_TRUE(session_.window().collected());
        EXPECT_TRUE(server_->Forgets(*stream_));
        Disconnect();
        closed_ = sent_ == world_.messages && session_.window().drained();
      }
      return;
    }
    const std::string bytes = to_client_.front();
    to_client_.pop_front();
    wire::ResponseFrame frame;
    ASSERT_TRUE(frame.Parse(bytes));
    const Session::Received heard = session_.OnFrame(frame, now_);
    if (!heard.status.ok()) {
      ADD_FAILURE() << heard.status;
      failed_ = true;
    }
    for (size_t i = heard.first; i < heard.first + heard.count; ++i) {
      const wire::ResultView& result = frame.results[i];
      ++received_;
      if (result.sequence != received_ ||
          result.payload != StrictProcessor::ResultOf(Payload(received_))) {
        ADD_FAILURE() << "result " << result.sequence << " '" << result.payload
                      << "' where " << received_ << " was due";
        failed_ = true;
      }
    }
    EXPECT_EQ(session_.window().received_through(), received_);
    EXPECT_EQ(session_.window().outstanding(), sent_ - received_);
    EXPECT_LE(session_.window().outstanding(), world_.own.messages);
  }

  void Disconnect() {
    if (Chance(500)) {
      strays_.push_back({server_, stream_, std::move(to_server_)});
      if (strays_.size() > 3) strays_.pop_front();
    } else {
      server_->Disconnect(stream_.get());
    }
    session_.OnDisconnected();
    to_server_.clear();
    to_client_.clear();
    writing_ = false;
  }

  std::mt19937_64 random_;
  World world_;
  Session session_;
  std::vector<std::unique_ptr<StrictProcessor>> servers_;
  StrictProcessor* server_ = nullptr;
  std::shared_ptr<StrictProcessor::Stream> stream_;
  std::deque<Sent> to_server_;
  std::deque<std::string> to_client_;
  std::deque<Stray> strays_;
  bool writing_ = false;
  absl::Time now_ = absl::UnixEpoch();
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  bool closed_ = false;
  bool failed_ = false;
};

TEST(SessionModelTest, OneServerThatIsNeverLost) {
  RunMany<Simulation, World>(
      {.messages = 200, .servers = {{}}, .cuts = 0, .restarts = 0, .drains = 0},
      200);
}

TEST(SessionModelTest, OneServerWithBrokenConnections) {
  RunMany<Simulation, World>({.messages = 30, .servers = {{}}, .restarts = 0},
                             2000);
}

TEST(SessionModelTest, OneServerThatRestarts) {
  RunMany<Simulation, World>(
      {.messages = 30, .servers = {{}}, .cuts = 20, .restarts = 40}, 2000);
}

TEST(SessionModelTest, FewMessagesAndMostlyTrouble) {
  RunMany<Simulation, World>(
      {.messages = 3, .servers = {{}, {}}, .cuts = 150, .restarts = 20}, 5000);
}

TEST(SessionModelTest, JourneysBetweenServersOfDifferentWindows) {
  RunMany<Simulation, World>(
      {.messages = 60,
       .servers = {{.batch_messages = 3, .outstanding_messages = 5},
                   {.batch_messages = 50, .outstanding_messages = 40},
                   {.outstanding_messages = 1}},
       .cuts = 30},
      1500);
}

TEST(SessionModelTest, WindowsOfBytes) {
  RunMany<Simulation, World>(
      {.messages = 60,
       .most_payload = 300,
       .servers = {{.outstanding_bytes = 500}, {.outstanding_bytes = 2000}},
       .cuts = 30},
      1500);
}

TEST(SessionModelTest, TheCallersOwnWindow) {
  RunMany<Simulation, World>({.messages = 40,
                              .own = {.messages = 1, .batch_messages = 1},
                              .servers = {{}, {}}},
                             1000);
  RunMany<Simulation, World>(
      {.messages = 40, .own = {.bytes = 30}, .servers = {{}, {}}}, 1000);
}

TEST(SessionModelTest, ManyMessagesAcrossManySegments) {
  RunMany<Simulation, World>({.messages = 3000,
                              .most_payload = 3000,
                              .servers = {{.batch_messages = 200,
                                           .outstanding_messages = 500,
                                           .outstanding_bytes = 1 << 20},
                                          {.batch_messages = 100,
                                           .outstanding_messages = 1000,
                                           .outstanding_bytes = 1 << 20}},
                              .cuts = 3,
                              .restarts = 1,
                              .drains = 2},
                             20);
}

}  // namespace
}  // namespace msgproc::client
