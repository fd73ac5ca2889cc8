#include "services/balancer/xds/ads_service.h"

#include <utility>

#include "absl/status/status.h"
#include "common/check.h"
#include "services/base/log.h"
#include "services/base/socket_address.h"

namespace msgproc::balancer {

AdsService::AdsService(Fleet* fleet, HostResolver::Options resolver)
    : fleet_(fleet),
      resolver_(std::make_unique<HostResolver>(std::move(resolver),
                                               [this] { Review(); })),
      host_(MakeHost()) {}

AdsService::~AdsService() {
  resolver_ = nullptr;
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(streams_.empty());
}

AdsStream::Host AdsService::MakeHost() {
  return {.fleet = fleet_,
          .resolve =
              [this](absl::string_view address) {
                return resolver_->Find(address);
              },
          .on_response =
              [this](ResourceType type) {
                responses_[static_cast<size_t>(type)].fetch_add(
                    1, std::memory_order_relaxed);
              },
          .on_refused =
              [this](const AdsState::Refusal& refusal,
                     const AdsStream& stream) { NoteRefused(refusal, stream); },
          .on_done =
              [this](AdsStream* done) {
                MutexLock lock(&mutex_);
                const size_t erased = streams_.erase(done);
                MSGPROC_CHECK_EQ(erased, 1U);
              }};
}

void AdsService::NoteRefused(const AdsState::Refusal& refusal,
                             const AdsStream& stream) {
  refused_[static_cast<size_t>(refusal.type)].fetch_add(
      1, std::memory_order_relaxed);
  const auto suppressed = refused_log_.Admit();
  if (!suppressed.has_value()) return;
  base::LogWarning("an xDS client cannot use what it was sent",
                   {{"resource", ResourceTypeName(refusal.type)},
                    {"version", refusal.version},
                    {"node", stream.node_id()},
                    {"peer", base::DecodePeer(stream.peer())},
                    {"reason", refusal.reason},
                    {"suppressed", *suppressed}});
}

grpc::ServerBidiReactor<envoy::service::discovery::v3::DiscoveryRequest,
                        envoy::service::discovery::v3::DiscoveryResponse>*
AdsService::StreamAggregatedResources(grpc::CallbackServerContext* context) {
  absl::Status admission =
      authenticator_ == nullptr
          ? absl::OkStatus()
          : base::RefuseAnonymous(authenticator_->Authenticate(*context),
                                  "balancer");
  auto stream = std::make_shared<AdsStream>(&host_, context);
  {
    MutexLock lock(&mutex_);
    const bool is_new = streams_.emplace(stream.get(), stream).second;
    MSGPROC_CHECK(is_new);
    if (stopping_) admission = absl::UnavailableError("the balancer stops");
  }
  stream->Start(admission);
  return stream.get();
}

std::vector<std::shared_ptr<AdsStream>> AdsService::Streams() const {
  MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<AdsStream>> streams;
  streams.reserve(streams_.size());
  for (const auto& [key, stream] : streams_) streams.push_back(stream);
  return streams;
}

void AdsService::Review() {
  for (const auto& stream : Streams()) stream->Review();
}

void AdsService::EndAll() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (const auto& stream : Streams()) {
    stream->End(absl::UnavailableError("the balancer stops"));
  }
}

size_t AdsService::streams() const {
  MutexLock lock(&mutex_);
  return streams_.size();
}

}  // namespace msgproc::balancer
