// Random clients with random frames, right and wrong, against one processor,
// and a neighbour that is answered exactly once and in order all the while.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

constexpr int kClients = 2;
constexpr int kStreamsEach = 500;

// One client of the kind that nobody wants.
class Fuzzer {
 public:
  Fuzzer(std::shared_ptr<grpc::Channel> channel, unsigned seed)
      : channel_(std::move(channel)), random_(seed) {}

  void Run() {
    for (int i = 0; i < kStreamsEach; ++i) RunStream();
  }

 private:
  uint64_t Random(uint64_t below) { return random_() % below; }

  // Near 0, near 2^64, or anywhere.
  uint64_t Number() {
    switch (Random(6)) {
      case 0:
        return UINT64_MAX - Random(3);
      case 1:
        return random_() * uint64_t{0x9e3779b97f4a7c15};
      default:
        return Random(20);
    }
  }

  std::string Bytes(uint64_t most) {
    std::string bytes(Random(most + 1), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  v1::ProcessRequest Open() {
    static const char* const kHandlers[] = {"",     "echo",   "pool", "throw",
                                            "size", "jitter", "ecko"};
    v1::ProcessRequest request =
        OpenRequest("fuzz" + std::to_string(Random(5)), kHandlers[Random(7)]);
    if (Random(8) == 0) request.mutable_open()->set_session_token(Bytes(80));
    if (Random(8) == 0) request.mutable_open()->clear_session_id();
    if (Random(8) == 0) {
      request.mutable_open()->set_client_name(std::string(Random(300), 'n'));
    }
    if (Random(3) == 0) request.set_received_through(Number());
    return request;
  }

  // Mostly what a client may send, with a wrong number here and there.
  v1::ProcessRequest Request() {
    v1::ProcessRequest request;
    const uint64_t messages = Random(8) == 0 ? Random(200) : Random(10);
    for (uint64_t i = 0; i < messages; ++i) {
      v1::Message* message = request.add_messages();
      message->set_sequence(Random(100) == 0 ? Number() : ++sequence_);
      message->set_payload(Random(2) == 0 ? Bytes(Random(20) == 0 ? 20'000 : 50)
                                          : std::to_string(Random(30'000)));
      while (Random(5) == 0) {
        message->add_headers()->set_key(Random(2) == 0 ? "spin-us" : "k");
        message->mutable_headers()->rbegin()->set_value(Bytes(20));
      }
    }
    if (Random(4) == 0) request.set_received_through(Number());
    return request;
  }

  std::string Frame(bool first) {
    if (Random(25) == 0) return Bytes(2'000);
    v1::ProcessRequest request;
    if (first ? Random(3) != 0 : Random(30) == 0) request = Open();
    if (Random(3) != 0) request.MergeFrom(Request());
    std::string frame = request.SerializeAsString();
    if (Random(15) == 0 && !frame.empty()) {
      frame[Random(frame.size())] = static_cast<char>(random_());
    }
    if (Random(30) == 0) frame.resize(Random(frame.size() + 1));
    if (Random(30) == 0) frame += frame;
    return frame;
  }

  // A session of its own, and more than its window.
  void Flood(RawStream* stream) {
    v1::ProcessRequest open;
    open.mutable_open();
    stream->Write(open);
    for (uint64_t i = 0; i < 5; ++i) {
      if (!stream->Write(Messages(1 + i * 30, 30))) return;
    }
  }

  void RunStream() {
    sequence_ = 0;
    RawStream stream(channel_);
    if (Random(20) == 0) Flood(&stream);
    for (uint64_t frames = Random(8); frames > 0; --frames) {
      if (!stream.WriteBytes(Frame(sequence_ == 0))) return;
    }
    switch (Random(4)) {
      case 0:
        // What is read is well-formed, or RawStream complains.
        stream.HalfClose();
        EXPECT_NE(stream.Finish().code(), absl::StatusCode::kInternal);
        break;
      case 1:
        stream.Cancel();
        break;
      case 2:
        if (stream.WriteBytes("")) stream.Read();
        break;
      default:
        break;
    }
  }

  const std::shared_ptr<grpc::Channel> channel_;
  std::mt19937 random_;
  uint64_t sequence_ = 0;
};

class StreamFuzzTest : public ProcessorFixture {};

TEST_F(StreamFuzzTest, NobodySuffersFromOthersNonsense) {
  options_.streams.sessions.limits.max_batch_messages = 100;
  options_.streams.sessions.limits.max_payload_bytes = 15'000;
  options_.streams.sessions.limits.max_outstanding_messages = 64;
  options_.streams.sessions.limits.max_outstanding_bytes = 70'000;
  options_.streams.sessions.limits.max_result_bytes = 50'000;
  options_.streams.sessions.max_detached_bytes = 200'000;
  Start();
  std::atomic<int> running{kClients};
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([this, i, &running] {
      Fuzzer(NewChannel(address()), static_cast<unsigned>(i)).Run();
      --running;
    });
  }
  while (running > 0) {
    neighbour().Exchange();
    server_->Tick();
  }
  for (std::thread& thread : threads) thread.join();
  // All kinds of it were there.
  for (const Rejection reason :
       {Rejection::kInvalidArgument, Rejection::kNotFound,
        Rejection::kPermissionDenied, Rejection::kResourceExhausted}) {
    EXPECT_GT(counters().rejected[static_cast<size_t>(reason)], 0U)
        << RejectionName(reason);
  }
  EXPECT_GT(counters().sessions_resumed, 0U);
  EXPECT_GT(counters().sessions_lost, 0U);
  EXPECT_GT(counters().messages_error, 0U);
}

}  // namespace
}  // namespace msgproc::processor
