#include "common/completion_marker.h"

#include <cstdio>
#include <cstdlib>

namespace msgproc {

CompletionMarker::CompletionMarker() : grpc_completion_queue_functor() {
  functor_run = [](grpc_completion_queue_functor* self, int /*ok*/) {
    static_cast<CompletionMarker*>(self)->OnReached();
  };
}

void CompletionMarker::Post(grpc_call* call) {
  grpc_completion_queue_functor* const tag = this;
  const grpc_call_error error =
      grpc_call_start_batch(call, nullptr, 0, tag, nullptr);
  if (error == GRPC_CALL_OK) return;
  // Only a broken rule of the library's gets here: a call that is gone.
  std::fprintf(stderr, "CompletionMarker::Post: %s\n",
               grpc_call_error_to_string(error));
  std::abort();
}

}  // namespace msgproc
