#ifndef MSGPROC_TOOLS_LOADGEN_TARGET_PEER_PROBE_H_
#define MSGPROC_TOOLS_LOADGEN_TARGET_PEER_PROBE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace msgproc::loadgen {

// What stands at an address, as far as a look from outside tells.
struct PeerFacts {
  enum class Speaks {
    kNothing,    // Takes connections, but no words of it came in time.
    kPlaintext,  // HTTP/2 without TLS, as gRPC does.
    kTls,
    kHttp1,  // A web server, such as our own servers' HTTP page.
  };

  // Empty: a connection was taken. Otherwise the system's words.
  std::string unreachable;
  bool no_such_host = false;
  Speaks speaks = Speaks::kNothing;

  // Of a TLS server:
  bool asks_for_certificate = false;
  std::string verify_error;  // Why its certificate is not accepted, or empty.
  bool wrong_name = false;   // It is accepted but for its name.
  std::string names;         // That the certificate is good for: "a, b".
};

// Looks: connects, once with the first words of HTTP/2 and, if they are not
// answered, once with those of TLS; each for at most `patience`. `address` is
// host:port or unix:/path. `authorities` are PEM; `name` is what the
// certificate must be good for (empty: the address's host). Blocks; any thread.
PeerFacts ProbePeer(absl::string_view address, const std::string& authorities,
                    const std::string& name, absl::Duration patience);

// Whether ProbePeer can look there: not with gRPC's other schemes.
bool CanProbe(absl::string_view address);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TARGET_PEER_PROBE_H_
