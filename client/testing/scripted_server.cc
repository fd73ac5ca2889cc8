#include "client/testing/scripted_server.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "wire/byte_buffer.h"

namespace msgproc::client {
namespace {

// Longer than anything takes on a loaded machine under a sanitizer.
constexpr absl::Duration kPatience = absl::Seconds(30);

}  // namespace

// Reads ahead of the test, by as much as there is.
class ScriptedServer::Reactor final : public grpc::ServerGenericBidiReactor,
                                      public ScriptedStream {
 public:
  explicit Reactor(std::string peer) : peer_(std::move(peer)) {}

  void Begin(std::shared_ptr<Reactor> self, bool reads) {
    self_ = std::move(self);
    StartSendInitialMetadata();
    if (reads) StartRead(&incoming_);
  }

  std::string peer() const override { return peer_; }

  bool Read(v1::ProcessRequest* request) override {
    MutexLock lock(&mutex_);
    while (requests_.empty() && !read_ended_) {
      if (!changed_.WaitFor(&mutex_, kPatience)) {
        ADD_FAILURE() << "no request came";
        return false;
      }
    }
    if (requests_.empty()) return false;
    EXPECT_TRUE(request->ParseFromString(requests_.front()));
    requests_.pop_front();
    return true;
  }

  std::vector<v1::ProcessRequest> ReadAll() override {
    std::vector<v1::ProcessRequest> all;
    v1::ProcessRequest request;
    while (Read(&request)) all.push_back(request);
    return all;
  }

  void WriteBytes(const std::string& bytes) override {
    MutexLock lock(&mutex_);
    if (done_ || finished_) return;
    writes_.push_back(bytes);
    if (!writing_) WriteNext();
  }

  void Finish(absl::Status status) override {
    MutexLock lock(&mutex_);
    if (done_ || finished_) return;
    finished_ = true;
    status_ = grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                           std::string(status.message()));
    if (!writing_) WriteNext();
  }

  void AwaitCancelled() override {
    MutexLock lock(&mutex_);
    while (!done_ && !cancelled_) {
      if (!changed_.WaitFor(&mutex_, kPatience)) {
        ADD_FAILURE() << "the client did not go away";
        return;
      }
    }
  }

 private:
  // In a test server the lock may be held across calls of gRPC: reactions of a
  // server come on other threads.
  void WriteNext() MSGPROC_REQUIRES(mutex_) {
    if (!writes_.empty()) {
      writing_ = true;
      std::vector<wire::Piece> none;
      wire::ToByteBuffer(writes_.front(), &none, &outgoing_);
      writes_.pop_front();
      StartWrite(&outgoing_);
    } else if (finished_ && !status_sent_) {
      status_sent_ = true;
      grpc::ServerGenericBidiReactor::ServerBidiReactor::Finish(status_);
    }
  }

  void OnReadDone(bool ok) override {
    MutexLock lock(&mutex_);
    changed_.SignalAll();
    if (!ok) {
      read_ended_ = true;
      return;
    }
    wire::FlatFrame frame;
    EXPECT_TRUE(frame.Assign(&incoming_));
    requests_.emplace_back(frame.bytes());
    StartRead(&incoming_);
  }

  void OnWriteDone(bool /*ok*/) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    WriteNext();
  }

  void OnCancel() override {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    changed_.SignalAll();
    if (!finished_) {
      finished_ = true;
      writes_.clear();
      if (!writing_) WriteNext();
    }
  }

  void OnDone() override {
    // Goes without the lock.
    const std::shared_ptr<Reactor> self = std::move(self_);
    MutexLock lock(&mutex_);
    done_ = read_ended_ = true;
    changed_.SignalAll();
  }

  const std::string peer_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> requests_ MSGPROC_GUARDED_BY(mutex_);
  std::deque<std::string> writes_ MSGPROC_GUARDED_BY(mutex_);
  bool read_ended_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool writing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool finished_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool status_sent_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool cancelled_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool done_ MSGPROC_GUARDED_BY(mutex_) = false;
  grpc::Status status_ MSGPROC_GUARDED_BY(mutex_);
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::shared_ptr<Reactor> self_;
};

v1::ProcessRequest ScriptedStream::ReadMessages(int count) {
  v1::ProcessRequest all;
  v1::ProcessRequest request;
  while (all.messages_size() < count && Read(&request)) all.MergeFrom(request);
  EXPECT_EQ(all.messages_size(), count);
  return all;
}

ScriptedServer::ScriptedServer() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterCallbackGenericService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

ScriptedServer::~ScriptedServer() { Stop(); }

void ScriptedServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

grpc::ServerGenericBidiReactor* ScriptedServer::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const auto reactor = std::make_shared<Reactor>(context->peer());
  MutexLock lock(&mutex_);
  reactor->Begin(reactor, reads_);
  streams_.push_back(reactor);
  opened_.SignalAll();
  return reactor.get();
}

std::shared_ptr<ScriptedStream> ScriptedServer::Accept() {
  MutexLock lock(&mutex_);
  while (streams_.empty()) {
    if (!opened_.WaitFor(&mutex_, kPatience)) {
      ADD_FAILURE() << "no client opened a stream";
      return nullptr;
    }
  }
  std::shared_ptr<ScriptedStream> stream = std::move(streams_.front());
  streams_.pop_front();
  return stream;
}

void ScriptedServer::StopReading() {
  MutexLock lock(&mutex_);
  reads_ = false;
}

bool ScriptedServer::HasStream() {
  MutexLock lock(&mutex_);
  return !streams_.empty();
}

}  // namespace msgproc::client
