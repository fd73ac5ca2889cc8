#ifndef MSGPROC_CLIENT_DELIVERY_H_
#define MSGPROC_CLIENT_DELIVERY_H_

#include <cstddef>

#include "client/message_stream.h"
#include "client/stream_event.h"
#include "grpcpp/support/byte_buffer.h"
#include "wire/byte_buffer.h"
#include "wire/frame.h"

namespace msgproc::client {

// Carries out what ConnectionState decides about delivering: reads frames and
// calls the user back. Belongs to the thread that delivers, which holds no lock
// meanwhile.
class Delivery {
 public:
  // `options` outlive it. Callbacks are marked as those of `stream`.
  Delivery(const MessageStreamOptions* options, const void* stream)
      : options_(options), stream_(stream) {}

  // The frame that was read; null: it is none. Valid until Clear.
  const wire::ResponseFrame* Parse(grpc::ByteBuffer* incoming);
  size_t bytes() const { return flat_.bytes().size(); }
  void Clear() { flat_.Clear(); }

  // Calls back with results of the frame.
  void GiveResults(size_t first, size_t count) const;
  void GiveEvent(const StreamEvent& event) const;

 private:
  void GiveTogether(absl::Span<const wire::ResultView> views) const;

  const MessageStreamOptions* const options_;
  const void* const stream_;
  wire::FlatFrame flat_;
  wire::ResponseFrame frame_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_DELIVERY_H_
