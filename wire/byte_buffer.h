#ifndef MSGPROC_WIRE_BYTE_BUFFER_H_
#define MSGPROC_WIRE_BYTE_BUFFER_H_

#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"
#include "grpcpp/support/byte_buffer.h"
#include "wire/entry_log.h"
#include "wire/segment.h"

namespace msgproc::wire {

// Builds a frame of gRPC from `head` (copied) and pieces of a log (shared, not
// copied; small ones are copied) in place of what `buffer` held. Lets go of the
// pieces and leaves `pieces` empty.
void ToByteBuffer(absl::string_view head, std::vector<Piece>* pieces,
                  grpc::ByteBuffer* buffer);

// A received frame as one run of bytes. Reused from frame to frame; holds
// memory only from Assign until Clear. Not thread-safe.
class FlatFrame {
 public:
  // Takes the buffer's bytes, and leaves it empty: without a copy when they are
  // in one slice. False: the buffer cannot be read.
  bool Assign(grpc::ByteBuffer* buffer);

  absl::string_view bytes() const { return bytes_; }

  // Lets go of the frame, so that an idle stream does not hold its last one.
  void Clear();

 private:
  bool Copy();

  // Behind the slice's own, so that this reference is the last to go: memory of
  // a ResourceQuota may only be given back where gRPC has set up an ExecCtx,
  // which grpc_byte_buffer_destroy does and grpc_slice_unref does not: when
  // buffers are full, that ends the process (gRPC 1.51).
  grpc::ByteBuffer buffer_;
  grpc::Slice slice_;
  SegmentRef copy_;
  absl::string_view bytes_;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_BYTE_BUFFER_H_
