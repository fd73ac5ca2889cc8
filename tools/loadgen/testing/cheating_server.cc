#include "tools/loadgen/testing/cheating_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/grpc_deadline.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

v1::ProcessResponse Welcome(const v1::ProcessRequest& request) {
  v1::ProcessResponse response;
  v1::Welcome* const welcome = response.mutable_welcome();
  welcome->set_server_id("cheat");
  welcome->set_session_id(request.open().session_id());
  welcome->set_session_token(request.open().session_token());
  welcome->set_state(request.received_through() == 0 ? v1::Welcome::STATE_NEW
                                                     : v1::Welcome::STATE_LOST);
  welcome->set_accepted_through(static_cast<uint64_t>(request.messages_size()));
  welcome->set_max_batch_messages(1024);
  welcome->set_max_payload_bytes(1 << 20);
  welcome->set_max_outstanding_messages(1 << 20);
  welcome->set_max_outstanding_bytes(64 << 20);
  welcome->mutable_heartbeat_interval()->set_seconds(60);
  return response;
}

}  // namespace

CheatingServer::CheatingServer(const Cheat& cheat) : cheat_(cheat) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  EXPECT_NE(server_, nullptr);
  address_ = absl::StrCat("127.0.0.1:", port);
}

CheatingServer::~CheatingServer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  server_->Shutdown(DeadlineAfter(absl::ZeroDuration()));
}

absl::Duration CheatingServer::froze_for() const {
  MutexLock lock(&mutex_);
  return froze_for_;
}

void CheatingServer::Pause(absl::Duration duration) {
  const absl::Time until = Clock::Monotonic()->Now() + duration;
  MutexLock lock(&mutex_);
  while (!stopping_ && Clock::Monotonic()->Now() < until) {
    changed_.WaitFor(&mutex_, until - Clock::Monotonic()->Now());
  }
}

// Once in the server's life.
void CheatingServer::Freeze() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(froze_, true)) return;
  }
  const absl::Time began = Clock::Monotonic()->Now();
  Pause(cheat_.pause);
  MutexLock lock(&mutex_);
  froze_for_ = Clock::Monotonic()->Now() - began;
}

grpc::Status CheatingServer::Process(grpc::ServerContext*, Stream* stream) {
  v1::ProcessRequest request;
  while (stream->Read(&request)) {
    if (request.has_open() && !stream->Write(Welcome(request))) break;
    if (!Answer(request, stream)) break;
  }
  return grpc::Status::OK;
}

bool CheatingServer::Answer(const v1::ProcessRequest& request, Stream* stream) {
  using Kind = Cheat::Kind;
  v1::ProcessResponse response;
  const auto flush = [&response, stream] {
    if (response.results_size() != 0) stream->Write(response);
    response.Clear();
  };
  for (const v1::Message& message : request.messages()) {
    uint64_t before = 0;
    {
      MutexLock lock(&mutex_);
      before = answered_++;
    }
    const bool cheats = before >= cheat_.after;
    if (cheats && cheat_.kind == Kind::kSilent) continue;
    if (cheats && cheat_.kind == Kind::kClosesEarly) {
      flush();
      return false;
    }
    if (cheats && cheat_.kind == Kind::kFreezes) {
      flush();
      Freeze();
    }
    v1::Result* const result = response.add_results();
    result->set_sequence(message.sequence());
    result->set_payload(message.payload());
    if (!cheats) continue;
    if (cheat_.kind == Kind::kDoubles) *response.add_results() = *result;
    if (cheat_.kind == Kind::kWrongPayload) {
      (*result->mutable_payload())[message.payload().size() / 2] ^= 1;
    }
    if (cheat_.kind == Kind::kReorders && response.results_size() > 1) {
      response.mutable_results()->SwapElements(response.results_size() - 1,
                                               response.results_size() - 2);
    }
    if (cheat_.kind == Kind::kDrips) {
      flush();
      Pause(cheat_.pause);
    }
  }
  if (request.messages_size() == 0 && !request.has_open()) {
    stream->Write(response);  // A heartbeat's answer.
  }
  flush();
  return true;
}

}  // namespace msgproc::loadgen
