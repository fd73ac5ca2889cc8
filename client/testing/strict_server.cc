#include "client/testing/strict_server.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/server_builder.h"
#include "wire/byte_buffer.h"

namespace msgproc::client {

// One stream: reads always, writes whenever there is something.
class StrictServer::Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Reactor(StrictServer* server) {
    {
      MutexLock lock(&server->mutex_);
      stream_ = server->processor_.NewStream();
    }
    server_.store(server, std::memory_order_release);
    StartSendInitialMetadata();
    StartRead(&incoming_);
  }

 private:
  StrictServer* server() { return server_.load(std::memory_order_acquire); }

  void OnReadDone(bool ok) override {
    wire::FlatFrame frame;
    if (ok) frame.Assign(&incoming_);
    {
      MutexLock lock(&server()->mutex_);
      if (ok) {
        status_ = server()->Read(stream_.get(), frame.bytes());
        ended_ = !status_.ok() || stream_->ended;
      } else {
        server()->processor_.HalfClose(stream_.get());
      }
      WriteNext();
    }
    if (ok) StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&server()->mutex_);
    writing_ = false;
    if (!ok) ended_ = true;
    WriteNext();
  }

  void OnCancel() override {
    MutexLock lock(&server()->mutex_);
    server()->processor_.Disconnect(stream_.get());
    ended_ = true;
    WriteNext();
  }

  void OnDone() override {
    // Behind all other reactions, for ThreadSanitizer to see.
    { MutexLock lock(&server()->mutex_); }
    delete this;
  }

  // With the server's lock held, which the analysis does not see. A server's
  // reactions never come inline, so it may be.
  void WriteNext() MSGPROC_NO_THREAD_SAFETY_ANALYSIS {
    if (writing_ || finished_) return;
    v1::ProcessResponse response;
    if (!ended_ &&
        server()->processor_.Write(stream_.get(), 1 + server()->random_() % 50,
                                   &response)) {
      writing_ = true;
      std::vector<wire::Piece> none;
      wire::ToByteBuffer(response.SerializeAsString(), &none, &outgoing_);
      StartWrite(&outgoing_);
    } else if (ended_ || stream_->ended) {
      finished_ = true;
      Finish(grpc::Status(status_.ok()
                              ? grpc::StatusCode::UNAVAILABLE
                              : static_cast<grpc::StatusCode>(status_.code()),
                          std::string(status_.message())));
    } else if (server()->processor_.EndsNow(*stream_)) {
      finished_ = true;
      Finish(grpc::Status::OK);
    }
  }

  // Atomic for ThreadSanitizer, which does not see the order that gRPC keeps.
  std::atomic<StrictServer*> server_{nullptr};
  std::shared_ptr<StrictProcessor::Stream> stream_;
  // All below: guarded by the server's mutex.
  bool writing_ = false;
  bool ended_ = false;
  bool finished_ = false;
  absl::Status status_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
};

StrictServer::StrictServer(const StrictProcessor::Limits& limits,
                           const Trouble& trouble, uint64_t seed)
    : processor_("strict", limits), trouble_(trouble), random_(seed) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterCallbackGenericService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

StrictServer::~StrictServer() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

void StrictServer::Calm() {
  MutexLock lock(&mutex_);
  trouble_ = {};
}

absl::Status StrictServer::violation() {
  MutexLock lock(&mutex_);
  return violation_;
}

absl::Status StrictServer::Read(StrictProcessor::Stream* stream,
                                absl::string_view bytes) {
  const int dice = static_cast<int>(random_() % 1000);
  if (dice < trouble_.restarts) {
    processor_.Restart();
    return absl::UnavailableError("restarted");
  }
  if (stream->ended) return absl::UnavailableError("taken over");
  absl::Status status = processor_.Read(stream, bytes);
  if (!status.ok()) {
    violation_.Update(status);
    return status;
  }
  if (dice < trouble_.restarts + trouble_.cuts) {
    processor_.Disconnect(stream);
    return absl::UnavailableError("cut");
  }
  if (dice < trouble_.restarts + trouble_.cuts + trouble_.drains) {
    processor_.Drain(stream);
  }
  return absl::OkStatus();
}

grpc::ServerGenericBidiReactor* StrictServer::CreateReactor(
    grpc::GenericCallbackServerContext* /*context*/) {
  return new Reactor(this);
}

}  // namespace msgproc::client
