#include "services/processor/stream/stream_principal.h"

#include <utility>

#include "msgproc/v1/processor.pb.h"
#include "services/processor/stream/token_expiry.h"

namespace msgproc::processor {

absl::Status StreamPrincipal::Authenticate(
    const grpc::ServerContextBase& call) {
  absl::StatusOr<base::Principal> principal = access_->Authenticate(call);
  if (!principal.ok()) return principal.status();
  MutexLock lock(&mutex_);
  principal_ = *std::move(principal);
  return absl::OkStatus();
}

absl::StatusOr<std::string> StreamPrincipal::Refresh(absl::string_view token) {
  absl::StatusOr<base::Principal> fresh = access_->Refresh(Get(), token);
  if (!fresh.ok()) return fresh.status();
  v1::ProcessResponse response;
  SetTokenExpiresIn(access_->TimeLeft(*fresh), &response);
  MutexLock lock(&mutex_);
  principal_ = *std::move(fresh);
  return response.SerializeAsString();
}

}  // namespace msgproc::processor
