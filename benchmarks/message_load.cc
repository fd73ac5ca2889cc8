#include "benchmarks/message_load.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "client/message_stream.h"
#include "common/mutex.h"

namespace msgproc::benchmarks {
namespace {

int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

// One stream's share: sends the next message whenever a result has come.
class Stream {
 public:
  Stream(const MessageLoad& load, uint64_t messages)
      : load_(load), messages_(messages), payload_(load.payload_bytes, 'x') {
    client::MessageStreamOptions options;
    options.target = load.address;
    options.handler = load.handler;
    options.max_outstanding_messages = load.outstanding;
    options.max_batch_messages = load.max_batch;
    options.on_results = [this](absl::Span<const client::Result> results) {
      OnResults(results);
    };
    auto stream = client::MessageStream::Open(std::move(options));
    if (!stream.ok()) Die(stream.status().ToString());
    stream_ = *std::move(stream);
    const absl::Status connected =
        stream_->WaitUntilConnected(absl::Seconds(10));
    if (!connected.ok()) Die(connected.ToString());
    if (load.latency) sent_at_.resize(load.outstanding + 1);
  }

  // Sends and waits for so many more messages.
  void Run(uint64_t messages) {
    {
      MutexLock lock(&mutex_);
      finished_ = false;
    }
    target_ = received_ + messages;
    {
      MutexLock lock(&send_mutex_);
      limit_ = target_;
    }
    const uint64_t first =
        load_.burst ? messages : std::min(messages, load_.outstanding);
    for (uint64_t i = 0; i < first;) {
      const uint64_t now = std::min<uint64_t>(kAtOnce, first - i);
      SendNext(now);
      i += now;
    }
    MutexLock lock(&mutex_);
    while (!finished_) changed_.Wait(&mutex_);
  }

  uint64_t messages() const { return messages_; }
  std::vector<int64_t> TakeLatency() { return std::move(latency_ns_); }
  void ClearLatency() { latency_ns_.clear(); }

 private:
  static constexpr size_t kAtOnce = client::MessageStream::kMostResultsAtOnce;
  static constexpr size_t kNumbered = 64;  // Larger payloads are all the same.

  // The next `count` messages, at most kAtOnce.
  void SendNext(uint64_t count) {
    char space[kAtOnce * kNumbered];
    absl::string_view payloads[kAtOnce];
    // Numbers go out in order.
    MutexLock lock(&send_mutex_);
    count = std::min(count, limit_ - sent_);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t number = ++sent_;
      payloads[i] = payload_;
      if (payload_.size() <= kNumbered) {
        char* const to = space + i * kNumbered;
        std::memcpy(to, payload_.data(), payload_.size());
        std::memcpy(to, &number, std::min(sizeof(number), payload_.size()));
        payloads[i] = absl::string_view(to, payload_.size());
      }
      if (load_.latency) sent_at_[number % sent_at_.size()] = NowNs();
    }
    SendAll(absl::MakeConstSpan(payloads, count));
  }

  void SendAll(absl::Span<const absl::string_view> payloads) {
    while (!payloads.empty()) {
      const auto sent = stream_->TrySendBatch(payloads);
      if (sent.ok()) {
        payloads.remove_prefix(sent->count);
        continue;
      }
      // A burst, or the first ones, which wait for the server's limits.
      const auto one = stream_->Send(payloads.front());
      if (!one.ok()) Die(one.status().ToString());
      payloads.remove_prefix(1);
    }
  }

  void OnResults(absl::Span<const client::Result> results) {
    for (const client::Result& result : results) CheckResult(result);
    if (!load_.burst) SendNext(results.size());
    if (received_ == target_) {
      MutexLock lock(&mutex_);
      finished_ = true;
      changed_.SignalAll();
    }
  }

  void CheckResult(const client::Result& result) {
    ++received_;
    if (result.code != absl::StatusCode::kOk || result.sequence != received_ ||
        result.payload.size() != payload_.size() || !Matches(result.payload)) {
      Die("A result is wrong.");
    }
    if (load_.latency) {
      latency_ns_.push_back(NowNs() - sent_at_[received_ % sent_at_.size()]);
    }
  }

  bool Matches(absl::string_view payload) const {
    const size_t id = payload_.size() <= kNumbered
                          ? std::min(sizeof(received_), payload_.size())
                          : 0;
    return std::memcmp(payload.data(), &received_, id) == 0 &&
           std::memcmp(payload.data() + id, payload_.data() + id,
                       payload_.size() - id) == 0;
  }

  const MessageLoad& load_;
  const uint64_t messages_;
  const std::string payload_;
  std::unique_ptr<client::MessageStream> stream_;
  Mutex send_mutex_;
  uint64_t sent_ MSGPROC_GUARDED_BY(send_mutex_) = 0;
  uint64_t limit_ MSGPROC_GUARDED_BY(send_mutex_) = 0;
  uint64_t received_ = 0;
  uint64_t target_ = 0;
  std::vector<int64_t> sent_at_;
  std::vector<int64_t> latency_ns_;
  Mutex mutex_;
  CondVar changed_;
  bool finished_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace

Measurement RunMessages(const MessageLoad& load) {
  const uint64_t each = load.messages / static_cast<uint64_t>(load.streams);
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < load.streams; ++i) {
    streams.push_back(std::make_unique<Stream>(load, each));
    if (load.burst || load.latency)
      streams.back()->Run(std::min<uint64_t>(each, 1000));
    streams.back()->ClearLatency();
  }
  const int64_t begin = NowNs();
  std::vector<std::thread> threads;
  for (const auto& stream : streams) {
    threads.emplace_back([&stream] { stream->Run(stream->messages()); });
  }
  for (std::thread& thread : threads) thread.join();
  Measurement measurement;
  measurement.seconds = static_cast<double>(NowNs() - begin) / 1e9;
  measurement.messages = each * static_cast<uint64_t>(load.streams);
  for (const auto& stream : streams) {
    const std::vector<int64_t> latency = stream->TakeLatency();
    measurement.latency_ns.insert(measurement.latency_ns.end(), latency.begin(),
                                  latency.end());
  }
  return measurement;
}

}  // namespace msgproc::benchmarks
