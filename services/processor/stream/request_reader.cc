#include "services/processor/stream/request_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::processor {
namespace {

absl::Status CheckFrame(const wire::RequestFrame& frame, size_t bytes,
                        uint64_t max_messages) {
  if (frame.message_count > max_messages) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The request has ", frame.message_count, " messages; at most ",
        max_messages, " are allowed (max_batch_messages)."));
  }
  if (frame.message_count > 1 && bytes > wire::kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("The request has ", bytes, " bytes and ",
                     frame.message_count, " messages; a request holds at most ",
                     wire::kMaxFrameBytes, " bytes or one message."));
  }
  return absl::OkStatus();
}

}  // namespace

thread_local std::unique_ptr<RequestReader::Storage> RequestReader::spare;

RequestReader::RequestReader() : storage_(std::move(spare)) {
  if (storage_ == nullptr) storage_ = std::make_unique<Storage>();
  MSGPROC_CHECK(storage_->flat.bytes().empty());
}

RequestReader::~RequestReader() {
  if (storage_ == nullptr) return;
  storage_->flat.Clear();
  spare = std::move(storage_);
}

absl::Status RequestReader::Read(grpc::ByteBuffer* buffer,
                                 uint64_t max_messages) {
  const bool readable =
      storage_->flat.Assign(buffer) &&
      storage_->frame.Parse(storage_->flat.bytes(), max_messages);
  if (!readable) {
    storage_->frame.message_count = 0;
    return absl::InvalidArgumentError(
        "The frame is not a msgproc.v1.ProcessRequest: it cannot be parsed, or "
        "a header's key is not UTF-8.");
  }
  return CheckFrame(storage_->frame, bytes(), max_messages);
}

}  // namespace msgproc::processor
