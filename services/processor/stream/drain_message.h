#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_DRAIN_MESSAGE_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_DRAIN_MESSAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::processor {

// A response that asks the client to go to `address`, or anywhere else where
// that is empty, within `grace`.
std::string EncodeDrain(v1::Drain::Reason reason, absl::string_view address,
                        absl::Duration grace);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_DRAIN_MESSAGE_H_
