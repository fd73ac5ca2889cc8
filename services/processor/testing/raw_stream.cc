#include "services/processor/testing/raw_stream.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "wire/byte_buffer.h"

namespace msgproc::processor {
namespace {

// Longer than anything takes on a loaded machine under a sanitizer.
constexpr std::chrono::seconds kPatience(30);

}  // namespace

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Every response that the processor may send, by the default limit.
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

RawStream::RawStream(std::shared_ptr<grpc::Channel> channel,
                     bool wait_for_ready)
    : RawStream(std::move(channel), wait_for_ready, "") {}

RawStream::RawStream(std::shared_ptr<grpc::Channel> channel,
                     bool wait_for_ready, const std::string& authorization)
    : channel_(std::move(channel)), stub_(channel_) {
  if (!authorization.empty()) {
    context_.AddMetadata("authorization", authorization);
  }
  context_.set_wait_for_ready(wait_for_ready);
  call_ =
      stub_.PrepareCall(&context_, "/msgproc.v1.Processor/Process", &queue_);
  call_->StartCall(Begin(kStart));
  Await(kStart);
}

RawStream::~RawStream() {
  context_.TryCancel();
  if (!finished_ && !pending_[kFinish]) call_->Finish(&status_, Begin(kFinish));
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

void* RawStream::Begin(Tag tag) {
  pending_[tag] = true;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a tag is a number here.
  return reinterpret_cast<void*>(static_cast<intptr_t>(tag));
}

bool RawStream::Await(Tag tag) {
  while (pending_[tag]) {
    void* done;
    bool ok = false;
    if (queue_.AsyncNext(&done, &ok,
                         std::chrono::system_clock::now() + kPatience) !=
        grpc::CompletionQueue::GOT_EVENT) {
      ADD_FAILURE() << "waited in vain for operation " << tag;
      context_.TryCancel();
      return false;
    }
    Completed(done, ok);
  }
  return ok_[tag];
}

void RawStream::Completed(void* tag, bool ok) {
  const auto index = static_cast<size_t>(reinterpret_cast<intptr_t>(tag));
  pending_.at(index) = false;
  ok_.at(index) = ok;
}

bool RawStream::WriteBytes(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  call_->Write(grpc::ByteBuffer(&slice, 1), Begin(kWrite));
  return Await(kWrite);
}

void RawStream::BeginWrite(const v1::ProcessRequest& request) {
  const grpc::Slice slice(request.SerializeAsString());
  call_->Write(grpc::ByteBuffer(&slice, 1), Begin(kWrite));
}

bool RawStream::WriteIsDone() {
  void* done;
  bool ok = false;
  while (pending_[kWrite] &&
         queue_.AsyncNext(&done, &ok, std::chrono::system_clock::now()) ==
             grpc::CompletionQueue::GOT_EVENT) {
    Completed(done, ok);
  }
  return !pending_[kWrite];
}

bool RawStream::Acknowledge(uint64_t received_through) {
  v1::ProcessRequest request;
  request.set_received_through(received_through);
  return Write(request);
}

bool RawStream::AwaitInitialMetadata() {
  call_->ReadInitialMetadata(Begin(kMetadata));
  has_metadata_ = Await(kMetadata);
  return has_metadata_;
}

std::optional<v1::ProcessResponse> RawStream::Read() {
  if (read_ended_) return std::nullopt;
  if (!pending_[kRead]) call_->Read(&incoming_, Begin(kRead));
  if (!Await(kRead)) {
    read_ended_ = true;
    return std::nullopt;
  }
  wire::FlatFrame frame;
  v1::ProcessResponse response;
  EXPECT_TRUE(frame.Assign(&incoming_));
  EXPECT_TRUE(response.ParseFromArray(frame.bytes().data(),
                                      static_cast<int>(frame.bytes().size())));
  EXPECT_TRUE(response.ByteSizeLong() <= (1 << 20) ||
              response.results_size() == 1)
      << "a frame of " << response.ByteSizeLong() << " bytes";
  Note(response);
  return response;
}

void RawStream::Note(const v1::ProcessResponse& response) {
  if (response.has_welcome()) {
    EXPECT_FALSE(welcome_.has_value()) << "a second Welcome";
    welcome_ = response.welcome();
  }
  if (response.has_drain()) {
    EXPECT_FALSE(drain_.has_value()) << "a second Drain";
    drain_ = response.drain();
  }
}

std::vector<v1::Result> RawStream::ReadResults(size_t results) {
  std::vector<v1::Result> all = std::move(unread_);
  unread_.clear();
  while (all.size() < results) {
    const auto response = Read();
    if (!response.has_value()) break;
    all.insert(all.end(), response->results().begin(),
               response->results().end());
  }
  return all;
}

std::vector<uint64_t> RawStream::ReadToEnd() {
  std::vector<uint64_t> sequences;
  for (const v1::Result& result : unread_) {
    sequences.push_back(result.sequence());
  }
  unread_.clear();
  while (const auto response = Read()) {
    for (const v1::Result& result : response->results()) {
      sequences.push_back(result.sequence());
    }
  }
  return sequences;
}

v1::Welcome RawStream::Open(const v1::ProcessRequest& request) {
  EXPECT_TRUE(Write(request));
  const auto response = Read();
  if (!response.has_value() || !response->has_welcome()) {
    ADD_FAILURE() << "no Welcome but " << Finish();
    return {};
  }
  unread_ = {response->results().begin(), response->results().end()};
  return response->welcome();
}

void RawStream::HalfClose() {
  call_->WritesDone(Begin(kHalfClose));
  Await(kHalfClose);
}

absl::Status RawStream::Finish() {
  ReadToEnd();
  if (!finished_) {
    call_->Finish(&status_, Begin(kFinish));
    Await(kFinish);
    finished_ = true;
  }
  return absl::Status(static_cast<absl::StatusCode>(status_.error_code()),
                      status_.error_message());
}

v1::ProcessRequest OpenRequest(const std::string& session_id,
                               const std::string& handler) {
  v1::ProcessRequest request;
  request.mutable_open()->set_session_id(session_id);
  request.mutable_open()->set_session_token(TokenOf(session_id));
  request.mutable_open()->set_client_name("raw");
  request.mutable_open()->set_handler(handler);
  return request;
}

std::string TokenOf(const std::string& session_id) {
  return session_id + std::string(24, '!');
}

}  // namespace msgproc::processor
