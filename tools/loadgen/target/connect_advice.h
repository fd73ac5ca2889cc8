#ifndef MSGPROC_TOOLS_LOADGEN_TARGET_CONNECT_ADVICE_H_
#define MSGPROC_TOOLS_LOADGEN_TARGET_CONNECT_ADVICE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "tools/loadgen/plan/plan.h"
#include "tools/loadgen/target/endpoint.h"
#include "tools/loadgen/target/peer_probe.h"
#include "tools/loadgen/target/peer_services.h"

namespace msgproc::loadgen {

// All that is known of an address that did not do.
struct FailedAddress {
  std::string address;
  bool is_balancer = false;    // Not a processor.
  bool from_balancer = false;  // A balancer gave it.
  bool looked = false;         // `peer` was found out.
  PeerFacts peer;
  ServiceFacts services;
};

// What is wrong there and what to do, in sentences that name the flags of the
// other programs too; pure. `why` is how the
// stream ended.
std::string Explain(const Options& asked, const FailedAddress& failed,
                    const absl::Status& why);

// What to tell where every connection has some of its streams and no more, as
// if others ahead of them had to end first; empty: it is not so. `connected` of
// each connection. Pure.
std::string ExplainWaitingStreams(const Options& asked,
                                  absl::Span<const int> connected);

// What to tell the user when `why` was the reason for not getting connected:
// looks at the addresses once more to say what answers there. Blocks for some
// seconds at most. `connected`: how many streams of each connection have a
// server.
std::string ConnectAdvice(const Plan& plan, const Endpoint& endpoint,
                          const absl::Status& why,
                          absl::Span<const int> connected);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TARGET_CONNECT_ADVICE_H_
