#include "benchmarks/raw_echo.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/byte_buffer.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::benchmarks {
namespace {

using grpc::ByteBuffer;

// Echoes each frame; reads on while it writes.
class EchoReactor final : public grpc::ServerGenericBidiReactor {
 public:
  EchoReactor() { StartRead(&read_); }

  void OnReadDone(bool ok) override {
    bool write = false;
    bool finish = false;
    {
      MutexLock lock(&mutex_);
      if (ok) {
        queue_.push_back(read_);
        write = !std::exchange(writing_, true);
        if (write) PopLocked();
      } else {
        reading_ = false;
        finish = !writing_;
      }
    }
    read_.Clear();
    if (ok) StartRead(&read_);
    if (write) StartWrite(&write_);
    if (finish) Finish(grpc::Status::OK);
  }

  void OnWriteDone(bool /*ok*/) override {
    bool write = false;
    bool finish = false;
    {
      MutexLock lock(&mutex_);
      write = !queue_.empty();
      writing_ = write;
      if (write) PopLocked();
      finish = !write && !reading_;
    }
    if (write) StartWrite(&write_);
    if (finish) Finish(grpc::Status::OK);
  }

  void OnDone() override { delete this; }

 private:
  void PopLocked() MSGPROC_REQUIRES(mutex_) {
    write_ = queue_.front();
    queue_.pop_front();
  }

  ByteBuffer read_;
  ByteBuffer write_;
  Mutex mutex_;
  std::deque<ByteBuffer> queue_ MSGPROC_GUARDED_BY(mutex_);
  bool writing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool reading_ MSGPROC_GUARDED_BY(mutex_) = true;
};

class EchoService final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* /*context*/) override {
    return new EchoReactor;
  }
};

class Server final : public RawEchoServer {
 public:
  Server() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  std::string address() const override { return address_; }

 private:
  EchoService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

ByteBuffer MakeFrame(uint64_t messages, size_t payload_bytes) {
  v1::ProcessRequest request;
  for (uint64_t i = 1; i <= messages; ++i) {
    request.add_messages()->set_sequence(1'000'000 + i);
    request.mutable_messages()->rbegin()->set_payload(
        std::string(payload_bytes, 'x'));
  }
  grpc::Slice slice(request.SerializeAsString());
  return ByteBuffer(&slice, 1);
}

int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

class EchoClient final
    : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  EchoClient(const RawEchoLoad& load, uint64_t messages)
      : frame_(MakeFrame(load.messages_per_frame, load.payload_bytes)),
        frames_((messages + load.messages_per_frame - 1) /
                load.messages_per_frame),
        window_(
            std::max<uint64_t>(1, load.outstanding / load.messages_per_frame)),
        record_(load.outstanding == 1) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = grpc::CreateCustomChannel(
        load.address, grpc::InsecureChannelCredentials(), arguments);
    channel_->WaitForConnected(std::chrono::system_clock::now() +
                               std::chrono::seconds(10));
    grpc::GenericStub stub(channel_);
    stub.PrepareBidiStreamingCall(&context_, "/msgproc.v1.Processor/Process",
                                  {}, this);
    StartCall();
  }

  void Start() {
    StartRead(&read_);
    MaybeWrite();
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
    }
    if (ok) MaybeWrite();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      MutexLock lock(&mutex_);
      ++answered_;
      // The next one is due now, as for a caller who sends in a callback, even
      // if the write before is not done.
      if (record_) {
        const int64_t now = NowNs();
        latency_ns_.push_back(now - std::exchange(sent_at_, now));
      }
      if (answered_ == frames_) {
        finished_ = true;
        changed_.SignalAll();
        return;
      }
    }
    StartRead(&read_);
    MaybeWrite();
  }

  void OnDone(const grpc::Status& /*status*/) override {
    MutexLock lock(&mutex_);
    done_ = true;
    changed_.SignalAll();
  }

  void WaitFinished() {
    MutexLock lock(&mutex_);
    while (!finished_ && !done_) changed_.Wait(&mutex_);
  }

  std::vector<int64_t> End() {
    StartWritesDone();
    context_.TryCancel();
    MutexLock lock(&mutex_);
    while (!done_) changed_.Wait(&mutex_);
    return std::move(latency_ns_);
  }

 private:
  void MaybeWrite() {
    {
      MutexLock lock(&mutex_);
      if (writing_ || sent_ == frames_ || sent_ - answered_ >= window_) return;
      writing_ = true;
      ++sent_;
      if (sent_at_ == 0) sent_at_ = NowNs();
    }
    StartWrite(&frame_);
  }

  ByteBuffer frame_;
  ByteBuffer read_;
  const uint64_t frames_;
  const uint64_t window_;
  const bool record_;
  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  Mutex mutex_;
  CondVar changed_;
  bool writing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool finished_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool done_ MSGPROC_GUARDED_BY(mutex_) = false;
  uint64_t sent_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t answered_ MSGPROC_GUARDED_BY(mutex_) = 0;
  int64_t sent_at_ MSGPROC_GUARDED_BY(mutex_) = 0;
  std::vector<int64_t> latency_ns_ MSGPROC_GUARDED_BY(mutex_);
};

class IdleStreams final : public RawIdleStreams {
 public:
  IdleStreams(const std::string& address, int count)
      : load_{.address = address,
              .messages = 1,
              .outstanding = 1,
              .messages_per_frame = 1} {
    for (int i = 0; i < count; ++i) {
      clients_.push_back(std::make_unique<EchoClient>(load_, 1));
      clients_.back()->Start();
      clients_.back()->WaitFinished();
    }
  }

 private:
  const RawEchoLoad load_;
  std::vector<std::unique_ptr<EchoClient>> clients_;
};

}  // namespace

std::unique_ptr<RawIdleStreams> RawIdleStreams::Open(const std::string& address,
                                                     int count) {
  return std::make_unique<IdleStreams>(address, count);
}

std::unique_ptr<RawEchoServer> RawEchoServer::Start() {
  return std::make_unique<Server>();
}

Measurement RunRawEcho(const RawEchoLoad& load) {
  const uint64_t each = load.messages / static_cast<uint64_t>(load.streams);
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (int i = 0; i < load.streams; ++i) {
    clients.push_back(std::make_unique<EchoClient>(load, each));
  }
  const int64_t begin = NowNs();
  for (const auto& client : clients) client->Start();
  for (const auto& client : clients) client->WaitFinished();
  Measurement measurement;
  measurement.seconds = static_cast<double>(NowNs() - begin) / 1e9;
  measurement.messages = each * static_cast<uint64_t>(load.streams);
  for (const auto& client : clients) {
    const std::vector<int64_t> latency = client->End();
    measurement.latency_ns.insert(measurement.latency_ns.end(), latency.begin(),
                                  latency.end());
  }
  return measurement;
}

}  // namespace msgproc::benchmarks
