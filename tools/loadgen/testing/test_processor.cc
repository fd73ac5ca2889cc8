#include "tools/loadgen/testing/test_processor.h"

#include <atomic>
#include <utility>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

class Echo final : public processor::Handler {
 public:
  absl::Status Handle(const processor::HandlerContext& /*context*/,
                      const processor::Message& message,
                      processor::Reply* reply) override {
    reply->BorrowPayload(message.payload);
    return absl::OkStatus();
  }
};

class Flaky final : public processor::Handler {
 public:
  absl::Status Handle(const processor::HandlerContext& /*context*/,
                      const processor::Message& message,
                      processor::Reply* reply) override {
    if (++count_ % 10 == 0) return absl::InternalError("no luck");
    reply->BorrowPayload(message.payload);
    return absl::OkStatus();
  }

 private:
  std::atomic<uint64_t> count_{0};
};

}  // namespace

class TestProcessor::Stuck final : public processor::Handler {
 public:
  absl::Status Handle(const processor::HandlerContext&,
                      const processor::Message&, processor::Reply*) override {
    MutexLock lock(&mutex_);
    while (!released_) changed_.Wait(&mutex_);
    return absl::OkStatus();
  }

  void Release() {
    MutexLock lock(&mutex_);
    released_ = true;
    changed_.SignalAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool released_ MSGPROC_GUARDED_BY(mutex_) = false;
};

TestProcessor::TestProcessor(const std::string& address,
                             const base::CredentialsOptions& credentials)
    : credentials_(credentials) {
  auto stuck = std::make_unique<Stuck>();
  stuck_ = stuck.get();
  handlers_.Register("echo", std::make_unique<Echo>(), {.never_blocks = true})
      .Register("uppercase", std::make_unique<Echo>(), {.never_blocks = true})
      .Register("flaky", std::make_unique<Flaky>(), {.never_blocks = true})
      .Register("stuck", std::move(stuck));
  Start(address);
}

TestProcessor::~TestProcessor() { Stop(); }

void TestProcessor::Start(const std::string& address) {
  processor::ServerOptions options;
  options.grpc.acceptor.address = address;
  options.grpc.credentials = credentials_;
  options.streams.server_id = "test-processor";
  auto server = processor::Server::Start(std::move(options), &handlers_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  address_ = server_->address();
}

void TestProcessor::Stop() {
  stuck_->Release();
  server_.reset();
}

uint64_t TestProcessor::messages_processed() const {
  return server_->context()->counters()->messages_ok.load();
}

uint64_t TestProcessor::sessions_opened() const {
  return server_->context()->counters()->sessions_opened.load();
}

void TestProcessor::Restart() {
  Stop();
  Start(address_);
}

}  // namespace msgproc::loadgen
