#include "services/balancer/registry_service.h"

#include <utility>
#include <vector>

#include "services/base/log.h"

namespace msgproc::balancer {

RegistryService::RegistryService(Fleet* fleet, const RegisterToken* token,
                                 server::MethodMetricsPage* metrics)
    : fleet_(fleet),
      token_(token),
      metrics_(metrics->Add("bidi_stream", "msgproc.v1.Registry", "Register")) {
}

absl::Status RegistryService::Admit(
    const grpc::CallbackServerContext& context) {
  const auto shown = context.client_metadata().find("authorization");
  absl::Status status = token_->Check(
      shown == context.client_metadata().end()
          ? absl::string_view()
          : absl::string_view(shown->second.data(), shown->second.size()));
  if (status.ok()) return status;
  denied_.fetch_add(1, std::memory_order_relaxed);
  if (const auto suppressed = denied_log_.Admit()) {
    server::LogWarning("registration denied", {{"client", context.peer()},
                                               {"reason", status.message()},
                                               {"suppressed", *suppressed}});
  }
  return status;
}

grpc::ServerBidiReactor<v1::RegisterRequest, v1::RegisterResponse>*
RegistryService::Register(grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<RegisterReactor>(
      fleet_, metrics_, context, [this](RegisterReactor* done) {
        MutexLock lock(&mutex_);
        streams_.erase(done);
      });
  absl::Status admission = Admit(*context);
  {
    MutexLock lock(&mutex_);
    streams_.emplace(stream.get(), stream);
    if (stopping_) admission = absl::UnavailableError("the balancer stops");
  }
  stream->Start(admission);
  return stream.get();
}

void RegistryService::EndAll() {
  std::vector<std::shared_ptr<RegisterReactor>> streams;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    for (const auto& [key, stream] : streams_) streams.push_back(stream);
  }
  for (const auto& stream : streams) {
    stream->End(absl::UnavailableError("the balancer stops"));
  }
}

}  // namespace msgproc::balancer
