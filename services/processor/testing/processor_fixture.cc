#include "services/processor/testing/processor_fixture.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace msgproc::processor {
Neighbour::Neighbour(const std::string& address) : stream_(address) {
  EXPECT_EQ(stream_.Open(OpenRequest("neighbour", "echo")).state(),
            v1::Welcome::STATE_NEW);
}

void Neighbour::Exchange() {
  constexpr uint64_t kMessages = 5;
  v1::ProcessRequest request = Messages(sent_ + 1, kMessages, 20);
  request.set_received_through(sent_);
  ASSERT_TRUE(stream_.Write(request)) << stream_.Finish();
  const std::vector<v1::Result> results = stream_.ReadResults(kMessages);
  ASSERT_EQ(results.size(), kMessages) << stream_.Finish();
  for (const v1::Result& result : results) {
    ++sent_;
    EXPECT_EQ(result.sequence(), sent_);
    EXPECT_EQ(result.payload(), PayloadOf(sent_, 20));
  }
}

void Neighbour::Leave() {
  Exchange();
  EXPECT_TRUE(stream_.Acknowledge(sent_));
  stream_.HalfClose();
  EXPECT_EQ(stream_.ReadToEnd(), std::vector<uint64_t>());
  EXPECT_EQ(stream_.Finish(), absl::OkStatus());
}

int ProcessorFixture::workers = 0;

ProcessorFixture::ProcessorFixture() {
  RegisterTestHandlers(&handlers_, watch_.get());
  options_.workers.count = workers;
  options_.workers.arguments = watch_.WorkerArguments();
  options_.grpc.acceptor.address = "127.0.0.1:0";
  options_.handler_threads = 2;
  options_.streams.server_id = "under-test";
  options_.streams.default_handler = "echo";
  options_.streams.clock = &clock_;
}

std::unique_ptr<Server> ProcessorFixture::StartAnother() {
  auto server = Server::Start(options_, &handlers_);
  EXPECT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->workers() != nullptr, workers > 0);
  return *std::move(server);
}

void ProcessorFixture::Start() {
  server_ = StartAnother();
  neighbour_ = std::make_unique<Neighbour>(address());
  neighbour_->Exchange();
}

void ProcessorFixture::TearDown() {
  gate_.Open();
  if (neighbour_ != nullptr) neighbour_->Leave();
  if (server_ == nullptr) return;
  EXPECT_TRUE(Eventually([&] { return counters().streams == 0; }))
      << counters().streams << " streams are left";
  EXPECT_EQ(counters().sessions_attached, 0);
  // Detached sessions may wait for clients that do not come back.
  clock_.Advance(options_.streams.sessions.session_ttl);
  server_->Tick();
  EXPECT_EQ(counters().sessions_detached, 0);
  EXPECT_TRUE(Eventually([&] { return counters().outstanding == 0; }))
      << counters().outstanding << " messages are left";
  server_.reset();
}

double ProcessorFixture::Total(const std::string& metric) {
  double total = 0;
  for (const prometheus::MetricFamily& family :
       server_->context()->methods().Collect()) {
    if (family.name != metric) continue;
    for (const auto& labelled : family.metric) total += labelled.counter.value;
  }
  return total;
}

void ProcessorFixture::Pass(absl::Duration time) {
  constexpr int kSteps = 8;
  for (int i = 0; i < kSteps; ++i) {
    clock_.Advance(time / kSteps);
    neighbour_->Exchange();
    server_->Tick();
  }
}

}  // namespace msgproc::processor
