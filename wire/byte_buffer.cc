#include "wire/byte_buffer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/check.h"
#include "grpcpp/impl/codegen/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"

namespace msgproc::wire {
namespace {

// A shared slice costs an allocation and two atomic counts.
constexpr size_t kCopyBytes = 1 << 10;

void LetGo(void* segment) { static_cast<Segment*>(segment)->Unref(); }

grpc::Slice ToSlice(Piece* piece) {
  if (piece->size <= kCopyBytes) return grpc::Slice(piece->data, piece->size);
  Segment* segment = piece->segment.release();
  MSGPROC_CHECK(segment != nullptr);
  // gRPC only reads from slices.
  return grpc::Slice(const_cast<char*>(piece->data), piece->size, LetGo,
                     segment);
}

// `storage` has room for the slices.
void Fill(absl::string_view head, std::vector<Piece>* pieces,
          grpc::Slice* storage, grpc::ByteBuffer* buffer) {
  grpc::Slice* slice = storage;
  if (!head.empty()) *slice++ = grpc::Slice(head.data(), head.size());
  for (Piece& piece : *pieces) *slice++ = ToSlice(&piece);
  // Assigning would copy.
  grpc::ByteBuffer(storage, static_cast<size_t>(slice - storage)).Swap(buffer);
}

}  // namespace

void ToByteBuffer(absl::string_view head, std::vector<Piece>* pieces,
                  grpc::ByteBuffer* buffer) {
  const size_t slices = pieces->size() + 1;
  // More than the second is a burst of large messages: off the stack.
  if (std::array<grpc::Slice, 8> few; slices <= few.size()) {
    Fill(head, pieces, few.data(), buffer);
  } else if (std::array<grpc::Slice, 64> some; slices <= some.size()) {
    Fill(head, pieces, some.data(), buffer);
  } else {
    std::vector<grpc::Slice> many(slices);
    Fill(head, pieces, many.data(), buffer);
  }
  pieces->clear();
}

void FlatFrame::Clear() {
  slice_ = grpc::Slice();
  buffer_.Clear();
  bytes_ = absl::string_view();
  copy_ = SegmentRef();
}

bool FlatFrame::Assign(grpc::ByteBuffer* buffer) {
  Clear();
  buffer_.Swap(buffer);
  if (!buffer_.TrySingleSlice(&slice_).ok()) {
    const bool copied = Copy();
    buffer_.Clear();
    return copied;
  }
  bytes_ = absl::string_view(reinterpret_cast<const char*>(slice_.begin()),
                             slice_.size());
  return true;
}

bool FlatFrame::Copy() {
  const size_t length = buffer_.Length();
  // A size that is kept, when it is not larger than all of them.
  const size_t capacity =
      length > Segment::kMostKept
          ? length
          : std::max(std::bit_ceil(length), Segment::kLeastKept);
  copy_ = SegmentRef(Segment::New(capacity));
  grpc::ProtoBufferReader reader(&buffer_);
  const void* data;
  int size;
  size_t copied = 0;
  while (reader.Next(&data, &size)) {
    const auto bytes = static_cast<size_t>(size);
    if (bytes > length - copied) return false;
    std::memcpy(copy_->data() + copied, data, bytes);
    copied += bytes;
  }
  bytes_ = absl::string_view(copy_->data(), copied);
  return reader.status().ok();
}

}  // namespace msgproc::wire
