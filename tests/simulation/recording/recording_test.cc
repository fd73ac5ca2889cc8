// What the product's shells do to the machines, the simulated ones do: each
// call, with each decision, and each that follows another in its order.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/message_stream.h"
#include "gtest/gtest.h"
#include "services/base/log.h"
#include "services/base/testing/eventually.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/server.h"
#include "services/processor/testing/tcp_relay.h"
#include "services/processor/testing/test_handlers.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/recording/recorder.h"
#include "tests/simulation/simulation.h"

namespace msgproc::simulation {
namespace {

using client::MessageStream;
using client::MessageStreamOptions;

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr absl::string_view kBody = "hello";

std::string NewFolder() {
  std::string folder = absl::StrCat(testing::TempDir(), "/recording-XXXXXX");
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  return folder;
}

// A server and its clients over loopback: what the simulation has, with
// threads. Each part of it ends before it returns.
class RealRun {
 public:
  // `stored`: sessions are kept in a store.
  explicit RealRun(bool stored) {
    processor::RegisterTestHandlers(&handlers_, watch_.get());
    processor::ServerOptions options;
    options.grpc.acceptor.address = "127.0.0.1:0";
    options.handler_threads = 2;
    options.streams.server_id = "real";
    options.streams.default_handler = "seen";
    options.streams.heartbeat_interval = absl::Seconds(1);
    if (stored) {
      options.store.url = absl::StrCat("sqlite:", NewFolder(), "/sessions.db");
    }
    auto server = processor::Server::Start(options, &handlers_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // Messages to a handler over a connection that breaks.
  void Break(const std::string& handler, bool outbox) {
    processor::TcpRelay relay(server_->address());
    MessageStreamOptions options;
    options.target = relay.address();
    options.handler = handler;
    if (outbox) options.outbox = absl::StrCat(NewFolder(), "/outbox.db");
    const Client client(std::move(options));
    for (uint64_t i = 1; i <= 5; ++i) {
      client.Send(60);
      ASSERT_TRUE(
          Eventually([&] { return client.received() > 60 * (i - 1) + 30; }));
      relay.Break();
    }
    client.Close();
  }

  // The server sends clients away, and they come again.
  void SendAway() {
    const Client client(OptionsFor("pool"));
    client.Send(200);
    ASSERT_TRUE(Eventually(
        [&] { return server_->streams()->Move(10, server_->address()) > 0; }));
    client.Send(200);
    client.Close();
  }

  // Another stream opens the session while one has it.
  void TakeOver() {
    MessageStreamOptions options = OptionsFor("seen");
    options.session_id = "taken";
    options.session_token = "0123456789abcdef";
    const Client first(options);
    first.Connect();
    const Client second(options);
    second.Send(10);
    second.Close();
    EXPECT_TRUE(absl::IsAborted(first.stream()->Close(kLong)));
  }

  // Nobody says anything but heartbeats.
  void Rest() {
    const Client client(OptionsFor("seen"));
    client.Send(1);
    const uint64_t answered = CallsOf("StreamState", "OnAnswered");
    ASSERT_TRUE(Eventually(
        [&] { return CallsOf("StreamState", "OnAnswered") >= answered + 3; }));
    client.Close();
  }

  // The server stops while a client is there.
  void Stop() {
    const Client client(OptionsFor("jitter"));
    const std::atomic<uint64_t>& bytes =
        server_->context()->counters()->bytes_received;
    const uint64_t before = bytes;
    client.Send(100);
    // What it has not accepted when it stops, no other server would.
    ASSERT_TRUE(
        Eventually([&] { return bytes == before + 100 * kBody.size(); }));
    server_->Drain(absl::Seconds(30));
    server_ = nullptr;
    client.Close();
  }

 private:
  // Sends, and counts what comes.
  class Client {
   public:
    explicit Client(MessageStreamOptions options) {
      options.initial_backoff = absl::Milliseconds(1);
      options.max_backoff = absl::Milliseconds(20);
      options.on_result = [received =
                               &received_](const client::Result& result) {
        EXPECT_EQ(result.sequence, *received + 1);
        ++*received;
      };
      auto stream = MessageStream::Open(std::move(options));
      EXPECT_TRUE(stream.ok()) << stream.status();
      stream_ = *std::move(stream);
    }
    void Send(int messages) const {
      for (int n = 0; n < messages; ++n) {
        ASSERT_TRUE(stream_->Send(kBody).ok());
      }
    }
    void Connect() const {
      ASSERT_EQ(stream_->WaitUntilConnected(kLong), absl::OkStatus());
    }
    void Close() const {
      EXPECT_EQ(stream_->Close(kLong), absl::OkStatus());
      EXPECT_EQ(received_ + 1, stream_->next_sequence());
    }
    uint64_t received() const { return received_; }
    MessageStream* stream() const { return stream_.get(); }

   private:
    std::atomic<uint64_t> received_{0};
    std::unique_ptr<MessageStream> stream_;
  };

  MessageStreamOptions OptionsFor(const std::string& handler) const {
    MessageStreamOptions options;
    options.target = server_->address();
    options.handler = handler;
    return options;
  }
  static bool Eventually(const std::function<bool()>& condition) {
    return base::Eventually(condition, kLong);
  }

  const processor::SharedWatch watch_;
  processor::HandlerRegistry handlers_;
  std::unique_ptr<processor::Server> server_;
};

Record RecordSimulation() {
  constexpr uint64_t kSeeds = 500;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Report report = Simulate(DrawConditions(seed));
    EXPECT_TRUE(report.ok()) << "seed " << seed << ": " << report.violation;
  }
  return TakeRecord();
}

Record RecordRealRun() {
  for (const bool stored : {false, true}) {
    RealRun real(stored);
    for (const char* handler : {"seen", "pool", "jitter"}) {
      for (const bool outbox : {false, true}) real.Break(handler, outbox);
    }
    real.SendAway();
    real.TakeOver();
    real.Rest();
    real.Stop();
  }
  return TakeRecord();
}

// The simulation's shells first: theirs is the clock of the whole process while
// they run.
TEST(RecordingTest, TheSimulatedShellsDoWhatTheRealOnesDo) {
  base::InitLog(base::LogFormat::kText, base::LogLevel::kError);
  const Record simulated = RecordSimulation();
  const Record real = RecordRealRun();
  if (testing::Test::HasFatalFailure()) return;
  EXPECT_GT(real.size(), 80U);
  for (const auto& [what, times] : real) {
    EXPECT_GT(simulated.count(what), 0U)
        << what << ": " << times << " times, and never in the simulation";
  }
}

}  // namespace
}  // namespace msgproc::simulation
