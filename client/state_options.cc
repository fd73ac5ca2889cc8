#include "client/state_options.h"

#include <grpc/support/log.h>

#include <string>

#include "absl/strings/string_view.h"
#include "client/random.h"
#include "client/session_open.h"

namespace msgproc::client {
namespace {

// Seen with GRPC_VERBOSITY=debug.
void Trace(ConnectionState::Phase from, ConnectionState::Phase to,
           absl::string_view why) {
  if (gpr_should_log(GPR_LOG_SEVERITY_DEBUG) == 0) return;
  gpr_log(GPR_DEBUG, "stream: %s -> %s, %s",
          std::string(PhaseName(from)).c_str(),
          std::string(PhaseName(to)).c_str(), std::string(why).c_str());
}

}  // namespace

ConnectionState::Options StateOptions(const MessageStreamOptions& options,
                                      const KeptSession* kept) {
  return {
      .session = {.open = EncodedOpen(
                      options, kept == nullptr ? NewSession(options) : *kept),
                  .require_durable = options.require_durable,
                  .kept = kept,
                  .limits = {.messages = options.max_outstanding_messages,
                             .bytes = options.max_outstanding_bytes,
                             .batch_messages = options.max_batch_messages},
                  .connect_timeout = options.connect_timeout},
      .reconnect = {.initial_backoff = options.initial_backoff,
                    .max_backoff = options.max_backoff,
                    .give_up_after = options.give_up_after},
      .own_token = options.session_token.empty(),
      .follows_drain = !options.balancers.empty(),
      .needs_token = options.token_provider != nullptr,
      .random = RandomNumber,
      .on_change = Trace};
}

}  // namespace msgproc::client
