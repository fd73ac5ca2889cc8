#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PEER_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PEER_H_

#include <string>

namespace msgproc::processor {

// Who is at the other end of a stream, for the log.
struct StreamPeer {
  std::string address;
  // What a proxy in front says of the client; without a proxy a client can
  // claim anything.
  std::string forwarded_for;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_PEER_H_
