#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PEER_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PEER_H_

#include <functional>
#include <string>

#include "grpcpp/server_context.h"

namespace msgproc::processor {

// Who is at the other end of a stream, for the log.
struct StreamPeer {
  // `real_peer`: from gRPC's name of a peer to the client's real one (PROXY
  // protocol); may be empty.
  static StreamPeer Of(
      const grpc::CallbackServerContext& call,
      const std::function<std::string(const std::string&)>& real_peer);

  std::string address;
  // What a proxy in front says of the client (deploy/nginx); without a proxy a
  // client can claim anything.
  std::string forwarded_for;
  // The trace that the call belongs to, as of StreamTraceId.
  std::string trace_id;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PEER_H_
