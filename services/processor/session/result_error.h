#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_RESULT_ERROR_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_RESULT_ERROR_H_

#include "absl/types/optional.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/frame.h"

namespace msgproc::processor {

// The Error that a result is; nullopt: it is none, or none that can be read.
inline absl::optional<v1::Error> ErrorOf(const wire::ResultView& result) {
  v1::Error error;
  if (!result.failed ||
      !error.ParseFromArray(result.error.data(),
                            static_cast<int>(result.error.size()))) {
    return absl::nullopt;
  }
  return error;
}

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_RESULT_ERROR_H_
