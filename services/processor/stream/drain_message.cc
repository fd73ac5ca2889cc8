#include "services/processor/stream/drain_message.h"

#include "wire/proto_duration.h"

namespace msgproc::processor {

std::string EncodeDrain(v1::Drain::Reason reason, absl::string_view address,
                        absl::Duration grace) {
  v1::ProcessResponse response;
  v1::Drain* const drain = response.mutable_drain();
  drain->set_reason(reason);
  drain->set_server_address(std::string(address));
  *drain->mutable_grace() = wire::ToProto(grace);
  return response.SerializeAsString();
}

}  // namespace msgproc::processor
