#include "services/processor/stream/stream_peer.h"

#include <algorithm>
#include <cstddef>

#include "services/processor/stream/stream_trace.h"

namespace msgproc::processor {

StreamPeer StreamPeer::Of(
    const grpc::CallbackServerContext& call,
    const std::function<std::string(const std::string&)>& real_peer) {
  constexpr size_t kLongest = 256;
  StreamPeer peer;
  peer.address = real_peer ? real_peer(call.peer()) : call.peer();
  const auto found = call.client_metadata().find("x-forwarded-for");
  if (found != call.client_metadata().end()) {
    peer.forwarded_for.assign(found->second.data(),
                              std::min(found->second.size(), kLongest));
  }
  peer.trace_id = StreamTraceId(call.client_metadata());
  return peer;
}

}  // namespace msgproc::processor
