#ifndef MSGPROC_TOOLS_CLUSTER_PORTS_H_
#define MSGPROC_TOOLS_CLUSTER_PORTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace msgproc::cluster {

// "127.0.0.1:PORT" with a port that was free just now. Below the range from
// which the kernel takes ports for outgoing connections, so that a server can
// come back to it. RESOURCE_EXHAUSTED after many tries.
absl::StatusOr<std::string> FreeAddress();

// Whether something accepts connections there.
bool Accepts(const std::string& address);

// Whether something speaks HTTP/2 there, itself or through what is in front of
// it: a listener accepts before those who serve it are there.
bool SpeaksHttp2(const std::string& address);

// The body of an HTTP GET; UNAVAILABLE when nobody answers.
absl::StatusOr<std::string> HttpGet(const std::string& address,
                                    const std::string& path);

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_PORTS_H_
