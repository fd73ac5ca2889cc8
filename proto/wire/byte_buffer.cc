#include "proto/wire/byte_buffer.h"

#include "grpcpp/impl/codegen/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"

namespace msgproc::wire {
namespace {

// A shared slice costs an allocation and two atomic counts.
constexpr size_t kCopyBytes = 1 << 10;
// What a FlatFrame keeps for the next frame; a larger one was an exception.
constexpr size_t kKeepBytes = 256 << 10;

void LetGo(void* segment) { static_cast<Segment*>(segment)->Unref(); }

grpc::Slice ToSlice(Piece* piece) {
  if (piece->size <= kCopyBytes) return grpc::Slice(piece->data, piece->size);
  Segment* segment = piece->segment.release();
  // gRPC only reads from slices.
  return grpc::Slice(const_cast<char*>(piece->data), piece->size, LetGo,
                     segment);
}

}  // namespace

grpc::ByteBuffer ToByteBuffer(absl::string_view head,
                              std::vector<Piece>* pieces) {
  // More slices than this are a burst of large messages: off the stack.
  constexpr size_t kFew = 8;
  const size_t slices = pieces->size() + (head.empty() ? 0 : 1);
  grpc::Slice few[kFew];
  std::vector<grpc::Slice> many(slices > kFew ? slices : 0);
  grpc::Slice* const first = slices > kFew ? many.data() : few;
  grpc::Slice* slice = first;
  if (!head.empty()) *slice++ = grpc::Slice(head.data(), head.size());
  for (Piece& piece : *pieces) *slice++ = ToSlice(&piece);
  pieces->clear();
  return grpc::ByteBuffer(first, slices);
}

void FlatFrame::Clear() {
  slice_ = grpc::Slice();
  bytes_ = absl::string_view();
  if (copy_.capacity() > kKeepBytes) copy_ = std::string();
  copy_.clear();
}

bool FlatFrame::Assign(grpc::ByteBuffer* buffer) {
  if (buffer->TrySingleSlice(&slice_).ok()) {
    bytes_ = absl::string_view(reinterpret_cast<const char*>(slice_.begin()),
                               slice_.size());
    return true;
  }
  Clear();
  copy_.reserve(buffer->Length());
  grpc::ProtoBufferReader reader(buffer);
  const void* data;
  int size;
  while (reader.Next(&data, &size)) {
    copy_.append(static_cast<const char*>(data), static_cast<size_t>(size));
  }
  bytes_ = copy_;
  return reader.status().ok();
}

}  // namespace msgproc::wire
