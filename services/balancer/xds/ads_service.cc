#include "services/balancer/xds/ads_service.h"

#include "absl/status/status.h"
#include "common/check.h"
#include "services/base/log.h"
#include "services/base/socket_address.h"

namespace msgproc::balancer {

AdsService::AdsService(Fleet* fleet)
    : fleet_(fleet),
      resolver_(std::make_unique<HostResolver>(HostResolver::Options(),
                                               [this] { Review(); })),
      host_(MakeHost()) {}

AdsService::~AdsService() {
  resolver_ = nullptr;
  MSGPROC_CHECK_EQ(streams_.size(), 0U);
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
          .on_done = [this](AdsStream* done) { streams_.Remove(done); }};
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
  if (absl::Status open = streams_.Add(stream); !open.ok()) admission = open;
  stream->Start(admission);
  return stream.get();
}

void AdsService::Review() {
  for (const auto& stream : streams_.All()) stream->Review();
}

}  // namespace msgproc::balancer
