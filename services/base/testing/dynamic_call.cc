#include "services/base/testing/dynamic_call.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <vector>

#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

std::unique_ptr<google::protobuf::Message> MakeMessage(
    const std::string& type) {
  const google::protobuf::Descriptor* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          type);
  if (descriptor == nullptr) {
    ADD_FAILURE() << type << " is not in the program";
    return nullptr;
  }
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(descriptor)
          ->New());
}

grpc::ByteBuffer ToBuffer(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

}  // namespace

std::unique_ptr<google::protobuf::Message> Call(
    const std::shared_ptr<grpc::Channel>& channel, const DynamicCall& call,
    absl::Duration timeout) {
  std::unique_ptr<google::protobuf::Message> request =
      MakeMessage(call.request_type);
  std::unique_ptr<google::protobuf::Message> response =
      MakeMessage(call.response_type);
  if (request == nullptr || response == nullptr ||
      !google::protobuf::TextFormat::ParseFromString(call.request_text,
                                                     request.get())) {
    return nullptr;
  }
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  context.set_wait_for_ready(true);
  grpc::CompletionQueue queue;
  const auto step = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto stream = stub.PrepareCall(&context, call.method, &queue);
  stream->StartCall(nullptr);
  bool answered = false;
  if (step()) {
    stream->WriteLast(ToBuffer(*request), grpc::WriteOptions(), nullptr);
    step();
    grpc::ByteBuffer bytes;
    stream->Read(&bytes, nullptr);
    answered = step() && response->ParseFromString(ToString(bytes));
    grpc::ByteBuffer rest;
    do {
      stream->Read(&rest, nullptr);
    } while (step());
  }
  grpc::Status status;
  stream->Finish(&status, nullptr);
  step();
  if (answered && status.ok()) return response;
  ADD_FAILURE() << call.method << ": " << status.error_code() << " "
                << status.error_message();
  return nullptr;
}

std::string CallText(const std::shared_ptr<grpc::Channel>& channel,
                     const DynamicCall& call) {
  const std::unique_ptr<google::protobuf::Message> response =
      Call(channel, call);
  return response == nullptr ? "" : response->ShortDebugString();
}

}  // namespace msgproc::base
