#ifndef MSGPROC_TOOLS_LOADGEN_TARGET_ENDPOINT_H_
#define MSGPROC_TOOLS_LOADGEN_TARGET_ENDPOINT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/message_stream.h"
#include "services/base/setting_name.h"
#include "tools/loadgen/plan/plan.h"
#include "tools/loadgen/target/embedded_processor.h"

namespace msgproc::loadgen {

// Where a run connects to. Must outlive the run: it may hold the processor.
struct Endpoint {
  client::MessageStreamOptions stream_options;  // Where, and how secured.
  std::string where;                            // For people.
  std::unique_ptr<EmbeddedProcessor> embedded;  // Null: someone else's.
};

// What a processor listens on unless told otherwise.
inline constexpr char kDefaultTarget[] = "127.0.0.1:50051";

// The plan's target or balancers; without any, `default_target` if something
// listens there, otherwise a processor embedded in this process.
// INVALID_ARGUMENT: a malformed address, an unreadable certificate, naming the
// flag.
absl::StatusOr<Endpoint> FindEndpoint(
    const Plan& plan, absl::string_view default_target = kDefaultTarget);

// OK: host:port with a port from 1 to 65535, or a gRPC target with its scheme
// ("unix:/path", "dns:///name:port", "ipv6:[::1]:1", "xds:///name").
absl::Status CheckAddress(const base::SettingName& name,
                          absl::string_view option, absl::string_view address);

// Whether a TCP connection to 127.0.0.1:port or the like is accepted.
bool SomethingListensAt(absl::string_view address);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TARGET_ENDPOINT_H_
