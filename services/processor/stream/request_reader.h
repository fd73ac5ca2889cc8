#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_REQUEST_READER_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_REQUEST_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"
#include "wire/byte_buffer.h"
#include "wire/frame.h"

namespace msgproc::processor {

// One request, read in place. What reading needs is kept by the thread for the
// next request and not by the stream: of ten thousand streams that are idle
// each would keep the memory of its largest frame. Used by one thread at a
// time.
class RequestReader {
 public:
  RequestReader();
  ~RequestReader();
  // Takes the request along, which stays where it is.
  RequestReader(RequestReader&&) = default;
  RequestReader& operator=(RequestReader&&) = delete;

  // Empties `buffer`. INVALID_ARGUMENT: not a ProcessRequest, or more in it
  // than rules 2 and 3 of processor.proto allow.
  absl::Status Read(grpc::ByteBuffer* buffer, uint64_t max_messages);

  // What was read. Its views live as long as this.
  wire::RequestFrame* frame() { return &storage_->frame; }
  size_t bytes() const { return storage_->flat.bytes().size(); }

 private:
  struct Storage {
    wire::FlatFrame flat;
    wire::RequestFrame frame;
  };
  static thread_local std::unique_ptr<Storage> spare;

  std::unique_ptr<Storage> storage_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_REQUEST_READER_H_
