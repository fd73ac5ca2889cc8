// The code of docs/client.md, at real servers. What the page shows stands here,
// line by line (page_test.py); what is around it calls it and looks at what it
// did.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "msgproc/client/message_stream.h"
#include "msgproc/common/callback_threads.h"
#include "services/balancer/server.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/jwt_issuer.h"
#include "services/processor/handlers/builtin.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/server.h"
#include "services/processor/testing/function_handler.h"
#include "services/processor/testing/gate.h"

namespace example {
namespace {

using msgproc::client::MessageStream;
using msgproc::client::MessageStreamOptions;
using msgproc::client::Result;
using msgproc::client::SessionState;
using msgproc::client::StreamEvent;
using msgproc::processor::FunctionHandler;

// Long enough on a machine that is busy with other things.
constexpr absl::Duration kPatience = absl::Seconds(60);

absl::Status PrintInCapitals(const std::string& address, std::ostream& out) {
  MessageStreamOptions options;
  options.target = address;
  options.handler = "uppercase";
  options.on_result = [&out](const Result& result) {
    out << result.sequence << ": " << result.payload << "\n";
  };
  auto stream = MessageStream::Open(std::move(options));
  if (!stream.ok()) return stream.status();
  for (const char* word : {"one", "two", "three"}) {
    absl::StatusOr<uint64_t> sequence = (*stream)->Send(word);  // 1, 2, 3
    if (!sequence.ok()) return sequence.status();
  }
  return (*stream)->Close();  // OK: each has its result.
}

// What Send gives in its three ways.
std::vector<absl::StatusCode> SendInThreeWays(MessageStream* stream,
                                              const std::string& payload) {
  std::vector<absl::StatusCode> codes;
  absl::StatusOr<uint64_t> sequence = 0;
  // Waits until there is room.
  sequence = stream->Send(payload);
  codes.push_back(sequence.status().code());
  // Waits for room a while: DEADLINE_EXCEEDED.
  sequence = stream->Send(payload, {}, absl::Milliseconds(200));
  codes.push_back(sequence.status().code());
  // Never waits: RESOURCE_EXHAUSTED. The message is still the caller's.
  sequence = stream->TrySend(payload);
  codes.push_back(sequence.status().code());
  return codes;
}

absl::Status SendAll(MessageStream* stream,
                     absl::Span<const absl::string_view> payloads) {
  while (!payloads.empty()) {
    auto sent = stream->TrySendBatch(payloads);
    if (absl::IsResourceExhausted(sent.status())) {
      // The window is full. One Send waits until it is not.
      auto sequence = stream->Send(payloads.front());
      if (!sequence.ok()) return sequence.status();
      payloads.remove_prefix(1);
    } else if (sent.ok()) {
      payloads.remove_prefix(sent->count);
    } else {
      return sent.status();
    }
  }
  return absl::OkStatus();
}

// Gives each caller the result of its own message.
class Requests {
 public:
  using Answer = absl::StatusOr<std::string>;

  absl::Status Open(MessageStreamOptions options) {
    options.on_result = [this](const Result& result) {
      Next().set_value(result.code == absl::StatusCode::kOk
                           ? Answer(std::string(result.payload))
                           : absl::Status(result.code, result.error));
    };
    options.on_event = [this](const StreamEvent& event) {
      if (event.kind == StreamEvent::Kind::kClosed) FailAll(event.status);
    };
    auto stream = MessageStream::Open(std::move(options));
    if (!stream.ok()) return stream.status();
    stream_ = *std::move(stream);
    return absl::OkStatus();
  }

  // Any thread.
  std::future<Answer> Ask(absl::string_view payload) {
    // Held while Send waits for room, so that waiting_ has the order of the
    // sequences. Results do not take it, or none would ever make room.
    std::lock_guard<std::mutex> sending(sending_);
    std::promise<Answer> promise;
    std::future<Answer> answer = promise.get_future();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      waiting_.push_back(std::move(promise));
    }
    absl::Status sent = stream_->Send(payload).status();
    if (!sent.ok()) {
      std::lock_guard<std::mutex> lock(mutex_);
      // Empty where the stream has ended meanwhile, and FailAll took it.
      if (!waiting_.empty()) {
        waiting_.back().set_value(sent);
        waiting_.pop_back();
      }
    }
    return answer;
  }

 private:
  std::promise<Answer> Next() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::promise<Answer> next = std::move(waiting_.front());
    waiting_.pop_front();
    return next;
  }

  void FailAll(const absl::Status& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (std::promise<Answer>& promise : waiting_) {
      promise.set_value(status.ok()
                            ? absl::CancelledError("The stream was closed.")
                            : status);
    }
    waiting_.clear();
  }

  std::mutex sending_;
  std::mutex mutex_;
  std::deque<std::promise<Answer>> waiting_;
  // Last, so that no callback runs once the others are gone.
  std::unique_ptr<MessageStream> stream_;
};

// The token that somebody else renews in a file.
absl::StatusOr<std::string> TokenIn(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  // UNAVAILABLE is tried again; any other status ends the stream.
  if (!std::getline(file, token)) {
    return absl::UnavailableError(absl::StrCat(path, " has no token yet."));
  }
  return token;
}

// What the results of a stream were.
struct Heard {
  std::mutex mutex;
  std::vector<std::string> lines;

  void Add(std::string line) {
    std::lock_guard<std::mutex> lock(mutex);
    lines.push_back(std::move(line));
  }
  std::vector<std::string> All() {
    std::lock_guard<std::mutex> lock(mutex);
    return lines;
  }
};

class ClientTest : public testing::Test {
 protected:
  ClientTest() : folder_(msgproc::base::NewTestFolder()) {
    msgproc::processor::RegisterBuiltinHandlers(&handlers_);
    handlers_.Register("gate",
                       std::make_unique<FunctionHandler>(
                           [this](const msgproc::processor::Message& message,
                                  msgproc::processor::Reply* reply) {
                             gate_.Pass();
                             reply->BorrowPayload(message.payload);
                             return absl::OkStatus();
                           }));
    handlers_.Register(
        "who", std::make_unique<FunctionHandler>(
                   [](const msgproc::processor::HandlerContext& context,
                      const msgproc::processor::Message& message,
                      msgproc::processor::Reply* reply) {
                     if (message.payload == "busy") {
                       return absl::UnavailableError("Ask again later.");
                     }
                     *reply->mutable_payload() =
                         std::string(context.session().principal.Shown());
                     return absl::OkStatus();
                   }));
  }

  ~ClientTest() override {
    gate_.Open();
    if (server_ != nullptr) server_->Drain(absl::ZeroDuration());
  }

  void Start(msgproc::processor::ServerOptions options = {}) {
    options.grpc.acceptor.address = "127.0.0.1:0";
    auto server =
        msgproc::processor::Server::Start(std::move(options), &handlers_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // Options of a stream to the processor, whose results are heard.
  MessageStreamOptions Options() {
    MessageStreamOptions options;
    options.target = server_->address();
    options.on_result = [this](const Result& result) {
      heard_.Add(std::string(result.payload));
    };
    return options;
  }

  static std::unique_ptr<MessageStream> Opened(MessageStreamOptions options) {
    auto stream = MessageStream::Open(std::move(options));
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  const std::string folder_;
  msgproc::processor::Gate gate_;
  msgproc::processor::HandlerRegistry handlers_;
  std::unique_ptr<msgproc::processor::Server> server_;
  Heard heard_;
};

TEST_F(ClientTest, EachMessageHasOneResultInOrder) {
  Start();
  std::ostringstream out;
  EXPECT_EQ(PrintInCapitals(server_->address(), out), absl::OkStatus());
  EXPECT_EQ(out.str(), "1: ONE\n2: TWO\n3: THREE\n");
}

TEST_F(ClientTest, SendWaitsWhileTheWindowIsFull) {
  Start();
  MessageStreamOptions options = Options();
  options.handler = "gate";
  options.max_outstanding_messages = 1;
  options.max_outstanding_bytes = 1 << 20;
  auto stream = Opened(options);
  EXPECT_EQ(SendInThreeWays(stream.get(), "x"),
            (std::vector<absl::StatusCode>{
                absl::StatusCode::kOk, absl::StatusCode::kDeadlineExceeded,
                absl::StatusCode::kResourceExhausted}));
  gate_.Open();
  EXPECT_EQ(stream->Close(), absl::OkStatus());
  EXPECT_EQ(heard_.All().size(), 1U);
}

TEST_F(ClientTest, SmallMessagesAreSentAndHeardTogether) {
  Start();
  std::atomic<size_t> answered = 0;
  std::atomic<size_t> calls = 0;
  MessageStreamOptions options;
  options.target = server_->address();
  options.on_results = [&](absl::Span<const Result> results) {
    answered += results.size();
    ++calls;
  };
  auto stream = Opened(options);
  const std::vector<absl::string_view> payloads(100'000, "a small one");
  EXPECT_EQ(SendAll(stream.get(), payloads), absl::OkStatus());
  EXPECT_EQ(stream->Close(), absl::OkStatus());
  EXPECT_EQ(answered, payloads.size());
  EXPECT_LT(calls, payloads.size());
}

TEST_F(ClientTest, ACallbackMaySend) {
  Start();
  std::promise<void> done;
  MessageStreamOptions options;
  options.target = server_->address();
  MessageStream* sender = nullptr;
  options.on_result = [&](const Result& result) {
    if (result.sequence == 100) return done.set_value();
    absl::Status sent = sender->TrySend(result.payload).status();
    if (!sent.ok()) std::cerr << sent << "\n";
  };
  auto stream = MessageStream::Open(std::move(options));
  ASSERT_TRUE(stream.ok());
  sender = stream->get();
  ASSERT_TRUE(sender->Send("again and again").ok());
  done.get_future().wait();
  EXPECT_EQ(sender->Close(), absl::OkStatus());
}

TEST_F(ClientTest, HeadersTravelBothWays) {
  Start();
  std::vector<std::pair<std::string, std::string>> headers;
  MessageStreamOptions options = Options();
  options.on_result = [&headers](const Result& result) {
    for (const auto& header : result.headers) {
      headers.emplace_back(header.key, header.value);
    }
  };
  auto stream = Opened(options);
  const std::vector<msgproc::wire::HeaderView> sent = {{"tenant", "7"}};
  ASSERT_TRUE(stream->Send("payload", sent).ok());
  ASSERT_EQ(stream->Close(), absl::OkStatus());
  ASSERT_EQ(headers.size(), 1U);
  EXPECT_EQ(headers[0],
            std::make_pair(std::string("tenant"), std::string("7")));
}

TEST_F(ClientTest, AMessageThatFailsSaysWhyAndTheStreamGoesOn) {
  Start();
  MessageStreamOptions options = Options();
  options.handler = "who";
  options.on_result = [this](const Result& result) {
    if (result.code == absl::StatusCode::kOk) {
      heard_.Add(std::string(result.payload));
    } else {
      heard_.Add(absl::StrCat(
          absl::StatusCodeToString(result.code), ": ", result.error,
          result.retryable ? " (worth sending again)" : ""));
    }
  };
  auto stream = Opened(options);
  ASSERT_TRUE(stream->Send("busy").ok());
  ASSERT_TRUE(stream->Send("").ok());
  ASSERT_EQ(stream->Close(), absl::OkStatus());
  EXPECT_EQ(
      heard_.All(),
      (std::vector<std::string>{
          "UNAVAILABLE: Ask again later. (worth sending again)", "anonymous"}));
}

TEST_F(ClientTest, AStreamThatEndsSaysWhy) {
  Start();
  MessageStreamOptions options = Options();
  options.handler = "none-such";
  options.give_up_after = absl::Minutes(5);
  auto stream = Opened(options);
  absl::Status connected = stream->WaitUntilConnected(absl::Seconds(30));
  EXPECT_TRUE(absl::IsNotFound(connected)) << connected;
  EXPECT_TRUE(absl::IsNotFound(stream->Send("x").status()));
}

TEST_F(ClientTest, EventsTellWhatHappensMeanwhile) {
  Start();
  MessageStreamOptions options = Options();
  options.on_event = [this](const StreamEvent& event) {
    switch (event.kind) {
      case StreamEvent::Kind::kConnected:
        // kLost: the server knew nothing of the session any more. What has no
        // result is sent again, and may be processed twice.
        heard_.Add(event.state == SessionState::kLost ? "began anew"
                                                      : "connected");
        break;
      case StreamEvent::Kind::kDisconnected:
        heard_.Add(absl::StrCat("reconnecting: ", event.status.message()));
        break;
      case StreamEvent::Kind::kDraining:
        heard_.Add("moving to another server");
        break;
      case StreamEvent::Kind::kViolation:
        heard_.Add(absl::StrCat("broken server: ", event.status.message()));
        break;
      case StreamEvent::Kind::kClosed:
        heard_.Add(absl::StrCat("ended: ", event.status.ToString()));
        break;
    }
  };
  auto stream = Opened(options);
  ASSERT_EQ(stream->WaitUntilConnected(kPatience), absl::OkStatus());
  ASSERT_EQ(stream->Close(), absl::OkStatus());
  EXPECT_EQ(heard_.All(), (std::vector<std::string>{"connected", "ended: OK"}));
}

// The end of a stream that has `patience` for what has no result yet.
absl::Status End(MessageStream* stream, absl::Duration patience) {
  absl::Status closed = stream->Close(patience);
  if (absl::IsDeadlineExceeded(closed)) {
    // It goes on closing. Call Close again to wait on, or end it now:
    stream->Cancel();
  }
  return closed;
}

TEST_F(ClientTest, CloseWaitsForTheResultsAndCancelDoesNot) {
  Start();
  MessageStreamOptions options = Options();
  options.handler = "gate";
  auto stream = Opened(options);
  ASSERT_TRUE(stream->Send("x").ok());
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(End(stream.get(), absl::Milliseconds(200))));
  EXPECT_TRUE(absl::IsCancelled(stream->Send("y").status()));
  EXPECT_TRUE(heard_.All().empty());
}

TEST_F(ClientTest, EachCallerHasTheResultOfItsOwnMessage) {
  Start();
  msgproc::CallbackThreads callback_threads;
  Requests requests;
  MessageStreamOptions options;
  options.target = server_->address();
  options.handler = "uppercase";
  ASSERT_EQ(requests.Open(std::move(options)), absl::OkStatus());
  std::atomic<int> good = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&requests, &good, caller] {
      for (int i = 0; i < 200; ++i) {
        const std::string end = absl::StrCat(caller, "-", i);
        Requests::Answer answer = requests.Ask("x" + end).get();
        if (answer.ok() && *answer == "X" + end) ++good;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, 8 * 200);
}

TEST_F(ClientTest, ARequestThatIsLeftAloneFails) {
  Start();
  auto requests = std::make_unique<Requests>();
  MessageStreamOptions options;
  options.target = server_->address();
  options.handler = "gate";
  options.max_outstanding_messages = 1;
  ASSERT_EQ(requests->Open(std::move(options)), absl::OkStatus());
  auto first = requests->Ask("x");
  ASSERT_TRUE(gate_.Await(1));
  requests.reset();
  EXPECT_TRUE(absl::IsCancelled(first.get().status()));
}

TEST_F(ClientTest, StreamsMayShareAConnection) {
  Start();
  std::vector<std::unique_ptr<MessageStream>> streams;
  for (int i = 0; i < 4; ++i) {
    MessageStreamOptions options = Options();
    options.connection_key = 0;  // Equal keys share one.
    streams.push_back(Opened(options));
  }
  for (auto& stream : streams) {
    ASSERT_TRUE(stream->Send("x").ok());
    ASSERT_EQ(stream->Close(), absl::OkStatus());
  }
  EXPECT_EQ(heard_.All().size(), 4U);
}

TEST_F(ClientTest, TlsAndTokensSayWhoItIs) {
  const msgproc::base::TestAuthority authority;
  const std::string issued = authority.Issue("server");
  const msgproc::base::JwtIssuer issuer(msgproc::base::JwtIssuer::Kind::kEc);
  const std::string token_file = folder_ + "/token";
  std::ofstream(folder_ + "/keys.json")
      << msgproc::base::JwksText({issuer.PublicJwk()});
  std::ofstream(token_file)
      << issuer.Token(msgproc::base::GoodClaims(absl::Now())) << "\n";
  msgproc::processor::ServerOptions server;
  server.grpc.credentials.tls_cert = issued + ".pem";
  server.grpc.credentials.tls_key = issued + ".key";
  server.identity.jwt_keys = folder_ + "/keys.json";
  Start(server);
  const std::string authorities = msgproc::base::ReadTestFile(authority.cert());
  MessageStreamOptions options = Options();
  options.handler = "who";
  options.credentials = grpc::SslCredentials({.pem_root_certs = authorities});
  options.token_provider = [token_file] { return TokenIn(token_file); };
  auto stream = Opened(options);
  ASSERT_TRUE(stream->Send("").ok());
  ASSERT_EQ(stream->Close(kPatience), absl::OkStatus());
  EXPECT_EQ(heard_.All(), (std::vector<std::string>{"alice"}));
}

TEST_F(ClientTest, BalancersNameTheServer) {
  Start();
  msgproc::balancer::ServerOptions balancing;
  balancing.grpc.acceptor.address = "127.0.0.1:0";
  balancing.static_servers = {server_->address()};
  auto balancer = msgproc::balancer::Server::Start(std::move(balancing));
  ASSERT_TRUE(balancer.ok()) << balancer.status();
  const std::string address = (*balancer)->grpc_address();
  MessageStreamOptions options = Options();
  options.target.clear();
  options.balancers = {"127.0.0.1:1", address};  // Asked in turn.
  options.affinity_key = "tenant-7";
  auto stream = Opened(options);
  ASSERT_TRUE(stream->Send("x").ok());
  ASSERT_EQ(stream->Close(kPatience), absl::OkStatus());
  EXPECT_EQ(heard_.All(), (std::vector<std::string>{"x"}));
  (*balancer)->Drain(absl::ZeroDuration());
}

TEST_F(ClientTest, AnOutboxKeepsWhatHasNoResult) {
  msgproc::processor::ServerOptions server;
  server.store.url = "sqlite:" + folder_ + "/sessions.db";
  Start(server);
  const std::string outbox = folder_ + "/outbox";
  MessageStreamOptions options = Options();
  options.handler = "gate";
  options.outbox = outbox;
  options.require_durable = true;
  auto stream = Opened(options);
  EXPECT_EQ(stream->next_sequence(), 1U);
  ASSERT_TRUE(stream->Send("kept").ok());  // It is on disk.
  stream->Cancel();
  stream = nullptr;
  EXPECT_TRUE(heard_.All().empty());
  gate_.Open();
  // As after a crash: the next stream with this file goes on.
  stream = Opened(options);
  EXPECT_EQ(stream->next_sequence(), 2U);
  ASSERT_EQ(stream->Close(kPatience), absl::OkStatus());
  EXPECT_EQ(heard_.All(), (std::vector<std::string>{"kept"}));
}

}  // namespace
}  // namespace example
